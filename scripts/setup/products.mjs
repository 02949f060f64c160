/** What is built from the sources before a task can run: the guest agent and the driver's bundle. */
import { existsSync } from "node:fs"
import { basename, join } from "node:path"
import { digestOf, readStamp, writeStamp } from "./digest.mjs"
import { architecture, bundle, cache, root } from "./paths.mjs"
import { runStep } from "./step.mjs"

/** @param {string} path */
const inRoot = (path) => join(root, path)

/**
 * @typedef {object} Product
 * @property {string} title
 * @property {string} output
 * @property {readonly string[]} inputs
 * @property {(node: string) => readonly string[]} command
 */

/** @type {Product} */
export const agent = {
  title: "guest agent",
  output: inRoot(`packages/agent/dist/agent-${architecture}`),
  inputs: ["packages/agent/c", "packages/agent/build.sh", "packages/agent/package.json"].map(inRoot),
  command: () => ["sh", inRoot("packages/agent/build.sh")]
}

/** @type {Product} */
export const driver = {
  title: "driver bundle",
  output: bundle,
  inputs: [
    "package-lock.json",
    "packages/driver/rolldown.config.ts",
    "packages/driver/bundle",
    "packages/driver/package.json",
    `packages/agent/dist/agent-${architecture}`,
    "packages/core/builder",
    "packages/distributions/registry",
    ...["agent", "core", "distributions", "report", "driver"].map((name) => `packages/${name}/src`)
  ].map(inRoot),
  command: (node) => [
    node,
    inRoot("node_modules/rolldown/bin/cli.mjs"),
    "--config",
    inRoot("packages/driver/rolldown.config.ts")
  ]
}

/** The products of a task, in the order they are built; tasks that are not named need none. @type {Readonly<Record<string, readonly Product[]>>} */
export const productsOf = {
  build: [agent, driver],
  demo: [agent, driver],
  bench: [agent, driver],
  test: [agent, driver]
}

/** @param {Product} product */
const stampOf = (product) => join(cache, "stamps", basename(product.output))

/** @param {Product} product */
export const productDue = (product) =>
  !existsSync(product.output) || readStamp(stampOf(product)) !== digestOf(product.inputs)

/** @param {Product} product @param {string} node @param {NodeJS.ProcessEnv} env */
export const buildProduct = async (product, node, env) => {
  const digest = digestOf(product.inputs)
  await runStep(product.title, product.command(node), { cwd: root, env })
  writeStamp(stampOf(product), digest)
}
