/**
 * How a set-up step talks and runs commands: one line a step on stderr, the command's own output only when it failed.
 */
import { spawn } from "node:child_process"

/** @type {readonly NodeJS.Signals[]} */
export const signals = ["SIGINT", "SIGTERM", "SIGHUP"]

/** A problem that the user has to solve; shown without a stack. */
export class SetupError extends Error {
  /** @param {string} message @param {number} exitCode 69 (service unavailable) unless told */
  constructor(message, exitCode = 69) {
    super(message)
    this.exitCode = exitCode
  }
}

/** @param {string} line */
export const say = (line) => process.stderr.write(`set-up: ${line}\n`)

/** Its beginning and its end, where a failing command says why. @param {string} output */
const shorten = (output) => {
  const lines = output.trimEnd().split("\n")
  return (lines.length <= 40 ? lines : [...lines.slice(0, 20), "…", ...lines.slice(-20)]).join("\n")
}

/**
 * Runs a command to its end and fails with what it wrote.
 *
 * @param {string} title what the user reads
 * @param {readonly string[]} command program and arguments; no shell
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 */
export const runStep = async (title, command, options = {}) => {
  say(`${title} …`)
  const started = Date.now()
  const { output, status } = await capture(command, options)
  if (status !== 0) {
    throw new SetupError(`${title} failed (${status}): ${command.join(" ")}\n${shorten(output)}`, 1)
  }
  say(`${title}: done in ${((Date.now() - started) / 1000).toFixed(1)} s`)
}

/**
 * @param {readonly string[]} command
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 * @returns {Promise<{ output: string, status: number | string }>} both streams in order of arrival; status is a signal's name when one ended it
 */
export const capture = ([program, ...args], { cwd, env = process.env } = {}) =>
  new Promise((resolve) => {
    const child = spawn(program, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] })
    const passOn = (signal) => child.kill(signal)
    for (const signal of signals) process.on(signal, passOn)
    let output = ""
    const keep = (chunk) => (output += chunk)
    child.stdout.setEncoding("utf8").on("data", keep)
    child.stderr.setEncoding("utf8").on("data", keep)
    child.on("error", (error) => resolve({ output: error.message, status: 127 }))
    child.on("close", (code, signal) => {
      for (const each of signals) process.off(each, passOn)
      resolve({ output, status: code ?? signal ?? "unknown" })
    })
  })
