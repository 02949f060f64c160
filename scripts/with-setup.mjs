#!/usr/bin/env node
/**
 * Runs a task of this repository after making sure that everything it needs is there: `node scripts/with-setup.mjs TASK [ARGS…]`.
 *
 * Plain JavaScript for Node 18 and later, because finding or installing Node 24 is its first step. What is there already costs a look;
 * what is missing is one line on stderr a step, under a lock, so that two of these can start at once.
 */
import { spawn } from "node:child_process"
import { constants } from "node:os"
import { delimiter, dirname, join } from "node:path"
import { withLock } from "./setup/lock.mjs"
import { findNode, installNode } from "./setup/node.mjs"
import { installNpm, npmDue } from "./setup/npm.mjs"
import { cache, searchPath } from "./setup/paths.mjs"
import { buildProduct, productDue, productsOf } from "./setup/products.mjs"
import { SetupError, say, signals } from "./setup/step.mjs"
import { installPackages, missingPackages, toolsOf } from "./setup/system.mjs"
import { tasks } from "./setup/tasks.mjs"

/** @param {string} node */
const environmentFor = (node) => ({ ...process.env, PATH: [dirname(node), ...searchPath].join(delimiter) })

/** @param {string} task */
const isReady = async (task) =>
  (await findNode()) !== undefined &&
  !npmDue() &&
  missingPackages(toolsOf[task] ?? []).length === 0 &&
  !(productsOf[task] ?? []).some(productDue)

/** Every step looks again, since another set-up may have done it while this one waited for the lock. @param {string} task */
const setUp = async (task) => {
  if ((await findNode()) === undefined) await installNode()
  const node = await findNode()
  if (node === undefined) throw new SetupError("the Node that was just installed does not run")
  const env = environmentFor(node)
  const packages = missingPackages(toolsOf[task] ?? [])
  if (packages.length > 0) await installPackages(packages)
  if (npmDue()) await installNpm(env)
  for (const product of productsOf[task] ?? []) {
    if (productDue(product)) await buildProduct(product, node, env)
  }
}

/** @param {string} node @param {readonly string[]} args @returns {Promise<number>} the child's exit code, 128 + signal when one ended it */
const runTask = (node, args) =>
  new Promise((resolve, reject) => {
    const child = spawn(node, args, { stdio: "inherit", env: environmentFor(node) })
    const terminal = process.stdin.isTTY || process.stdout.isTTY
    for (const signal of signals) {
      // A terminal sends its interrupt to the child as well: passing it on would interrupt twice.
      process.on(signal, () => (signal === "SIGINT" && terminal ? undefined : child.kill(signal)))
    }
    child.on("error", reject)
    child.on("close", (code, signal) => resolve(code ?? 128 + constants.signals[signal ?? "SIGKILL"]))
  })

const [task = "", ...args] = process.argv.slice(2)
try {
  const command = tasks[task]
  if (command === undefined)
    throw new SetupError(`usage: node scripts/with-setup.mjs ${Object.keys(tasks).join("|")} [arguments…]`, 64)
  if (!(await isReady(task))) await withLock(join(cache, "setup.lock"), () => setUp(task))
  const node = await findNode()
  const nodeArguments = command(args)
  if (node !== undefined && nodeArguments !== undefined) process.exitCode = await runTask(node, nodeArguments)
} catch (error) {
  if (!(error instanceof SetupError)) throw error
  say(error.message)
  process.exitCode = error.exitCode
}
