/**
 * Everything that is checked without running the code: `npm run check [-- NAME…]`.
 *
 * All checks run, also after one has failed; only a failed one shows its output.
 */
import { spawnSync } from "node:child_process"
import { globSync } from "node:fs"
import { join } from "node:path"

const root = join(import.meta.dirname, "..")

interface Check {
  readonly name: string
  /** Each is a program of node_modules, or a script, with its arguments. */
  readonly commands: ReadonlyArray<ReadonlyArray<string>>
}

const program = (name: string): string => join(root, "node_modules", ".bin", name)
const projects = globSync(["packages/*/tsconfig.json", "tsconfig.tests.json"], { cwd: root })

const checks: ReadonlyArray<Check> = [
  { name: "format", commands: [[program("oxfmt"), "--check"]] },
  { name: "lint", commands: [[program("oxlint"), "--type-aware", "--deny-warnings"]] },
  { name: "types", commands: [[program("tsc"), "--build"]] },
  {
    name: "effect",
    commands: projects.map((project) => {
      const options = ["--strict", "--severity", "error,warning", "--format", "text"]
      return [program("effect-tsgo"), "diagnostics", ...options, "--project", join(root, project)]
    })
  },
  { name: "docs", commands: [[process.execPath, join(root, "scripts/docs.ts"), "--check"]] }
]

const run = ([executable = "", ...args]: ReadonlyArray<string>): {
  readonly passed: boolean
  readonly output: string
} => {
  const { status, stdout, stderr, error } = spawnSync(executable, args, { cwd: root, encoding: "utf8" })
  return { passed: status === 0, output: error === undefined ? stdout + stderr : error.message }
}

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !checks.some((check) => check.name === name))
if (unknown.length > 0) {
  console.error(`no such check: ${unknown.join(", ")}; there are ${checks.map((check) => check.name).join(", ")}`)
  process.exit(64)
}

for (const { name, commands } of checks.filter((check) => wanted.length === 0 || wanted.includes(check.name))) {
  const started = performance.now()
  const failed = commands.map(run).filter(({ passed }) => !passed)
  console.log(
    `${failed.length === 0 ? "ok    " : "FAILED"} ${name} (${((performance.now() - started) / 1000).toFixed(1)} s)`
  )
  if (failed.length > 0) {
    const outputs = failed.map(({ output }) => output.trimEnd())
    // Projects share sources, and so their findings.
    console.log(outputs.length === 1 ? outputs[0] : [...new Set(outputs.join("\n").split("\n"))].join("\n"))
    process.exitCode = 1
  }
}
