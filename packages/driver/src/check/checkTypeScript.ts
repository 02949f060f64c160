/** Checks the types of a TypeScript script with the TypeScript that its own folder has. */
import * as fs from "node:fs"
import * as Module from "node:module"
import * as os from "node:os"
import * as path from "node:path"
import { pathToFileURL } from "node:url"
import { ChildProcesses } from "@nix-vm-test/core/host/ChildProcesses"
import type { SpawnError } from "@nix-vm-test/core/host/ChildProcesses"
import * as Effect from "effect/Effect"
import type { Checked, Finding } from "./Finding.ts"

const limitMs = 300_000

const place = /^(?<file>.+)\((?<line>\d+),(?<column>\d+)\): (?:error )?(?<message>.+)$/gmu

/** A file of a package as the script's folder finds it. */
const findBeside = (file: string, specifier: string): string | undefined => {
  try {
    return Module.createRequire(pathToFileURL(file)).resolve(specifier)
  } catch {
    return undefined
  }
}

/** The nearest of a name in the folders above a file. */
const findAbove = (file: string, name: string): string | undefined => {
  for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
    const candidate = path.join(folder, name)
    if (fs.existsSync(candidate)) return candidate
    if (path.dirname(folder) === folder) return undefined
  }
}

/** The project's own settings for one file; what a script needs where there are none. */
const settingsFor = (file: string): object => {
  const project = findAbove(file, "tsconfig.json")
  const types = findAbove(file, path.join("node_modules", "@types"))
  const always = {
    noEmit: true,
    composite: false,
    incremental: false,
    rootDir: "/",
    skipLibCheck: true,
    allowImportingTsExtensions: true,
    // The driver runs scripts in Node, whatever else the project is.
    ...(types === undefined ? {} : { typeRoots: [types], types: ["node"] })
  }
  const alone = { strict: true, target: "es2024", module: "nodenext" }
  return {
    ...(project === undefined ? {} : { extends: project }),
    compilerOptions: project === undefined ? { ...alone, ...always } : always,
    files: [file],
    include: [],
    references: []
  }
}

const temporaryFolder = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "nvt-check-"))),
  (folder) => Effect.sync(() => fs.rmSync(folder, { recursive: true, force: true }))
)

const findingsOf = (output: string, folder: string): ReadonlyArray<Finding> =>
  [...output.matchAll(place)].flatMap(({ groups }) =>
    groups === undefined
      ? []
      : [
          {
            file: path.resolve(folder, groups["file"] ?? ""),
            line: Number(groups["line"]),
            column: Number(groups["column"]),
            message: groups["message"] ?? "",
            tool: "tsc"
          }
        ]
  )

/** Sources of libraries are their authors' to mend. */
const isOwn = (finding: Finding, script: string): boolean =>
  finding.file.startsWith(`${path.dirname(script)}/`) && !finding.file.includes("/node_modules/")

/** Type errors of a script and of what it imports from its own folder; a note where there is no TypeScript to ask. */
export const checkTypeScript = Effect.fn("driver.checkTypeScript")(function* (
  file: string
): Effect.fn.Return<Checked, SpawnError, ChildProcesses> {
  const compiler = findBeside(file, "typescript/package.json")
  if (compiler === undefined) {
    return { findings: [], notes: ["typescript is not installed beside the script: types are not checked"] }
  }
  if (findBeside(file, "@nix-vm-test/core") === undefined) {
    return { findings: [], notes: ["@nix-vm-test/core is not installed beside the script: types are not checked"] }
  }
  return yield* Effect.scoped(
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const project = path.join(folder, "tsconfig.json")
      fs.writeFileSync(project, JSON.stringify(settingsFor(file)))
      const processes = yield* ChildProcesses
      const { stdout, stderr, exit } = yield* processes.run({
        command: process.execPath,
        args: [path.join(path.dirname(compiler), "bin", "tsc"), "--project", project, "--pretty", "false"],
        cwd: folder,
        timeoutMs: limitMs
      })
      const findings = findingsOf(stdout, folder)
      const failed = exit._tag === "None" || exit.value.code !== 0
      const own = findings.filter((finding) => isOwn(finding, file))
      const unplaced = { file, line: 1, column: 1, message: (stdout + stderr).trim(), tool: "tsc" }
      return { findings: failed && findings.length === 0 ? [unplaced] : own, notes: [] }
    })
  )
})
