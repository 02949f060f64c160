/**
 * What `import` means inside a test script: TypeScript works as it is, `@nix-vm-test/core` and `@nix-vm-test/distributions` are this driver's
 * own, and `effect` is found beside the driver where the script's folder has none.
 */
import * as fs from "node:fs/promises"
import * as Module from "node:module"
import { pathToFileURL } from "node:url"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { defineTest, fromFile, fromUrl, MachineError, TestFailure, testScript } from "@nix-vm-test/core"
import * as distributions from "@nix-vm-test/distributions"

/** What this process has already, by what a script calls it: a script and its driver share one copy. */
const own: Readonly<Record<string, object>> = {
  "@nix-vm-test/core": { defineTest, testScript, fromFile, fromUrl, MachineError, TestFailure },
  "@nix-vm-test/distributions": { ...distributions }
}
const ownKey = "nix-vm-test/script-api"
const ownScheme = "nix-vm-test:"

/** A module of which every name is one of the process's own. */
const ownSource = (specifier: string): string =>
  [
    `const own = globalThis[Symbol.for(${JSON.stringify(ownKey)})][${JSON.stringify(specifier)}]`,
    ...Object.keys(own[specifier] ?? {}).map((name) => `export const ${name} = own.${name}`)
  ].join("\n")

let hasOwnModules = false

const addOwnModules = (): void => {
  if (hasOwnModules) return
  hasOwnModules = true
  Object.defineProperty(globalThis, Symbol.for(ownKey), { value: own, configurable: true })
  const besideDriver = Module.createRequire(import.meta.url)
  Module.registerHooks({
    resolve: (specifier, context, next) => {
      if (Object.hasOwn(own, specifier)) return { url: ownScheme + specifier, format: "module", shortCircuit: true }
      if (specifier !== "effect" && !specifier.startsWith("effect/")) return next(specifier, context)
      try {
        return next(specifier, context)
      } catch {
        return next(besideDriver.resolve(specifier), context)
      }
    },
    load: (url, context, next) =>
      url.startsWith(ownScheme)
        ? { format: "module", source: ownSource(url.slice(ownScheme.length)), shortCircuit: true }
        : next(url, context)
  })
}

let hasTsx = false

/** tsx compiles all of TypeScript, finds files as TypeScript does, and maps stack traces to the script's lines. */
const addTsx = async (): Promise<void> => {
  if (hasTsx) return
  hasTsx = true
  // Its cache is a predictable folder in the temporary directory, where other users could leave code for us, and would stay behind.
  process.env["TSX_DISABLE_CACHE"] = "1"
  const { register } = await import("tsx/esm/api")
  register()
  Module.registerHooks({
    // Node keeps modules that it could not link under their addresses: another one makes it load them again.
    resolve: (specifier, context, next) => {
      const found = next(specifier, context)
      const isScript =
        found.url.startsWith("file:") && !found.url.includes("/node_modules/") && !found.url.includes("?")
      return isScript ? { ...found, url: `${found.url}?tsx` } : found
    }
  })
}

/** Whether Node reads a file as an ECMAScript module without having to guess. */
const isPlainModule = async (file: string): Promise<boolean> => {
  if (/\.m[jt]s$/u.test(file)) return true
  const description = Module.findPackageJSON(pathToFileURL(file))
  if (!/\.[jt]s$/u.test(file) || description === undefined) return false
  const content: unknown = JSON.parse(await fs.readFile(description, "utf8"))
  return typeof content === "object" && content !== null && "type" in content && content.type === "module"
}

const beyondNode: ReadonlyArray<unknown> = [
  "ERR_INVALID_TYPESCRIPT_SYNTAX",
  "ERR_MODULE_NOT_FOUND",
  "ERR_UNKNOWN_FILE_EXTENSION",
  "ERR_UNSUPPORTED_DIR_IMPORT",
  "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX"
]

/** Failures of an import, before any code ran, that tsx may have an answer to: enums, imports without an ending or of types only. */
const isBeyondNode = (error: unknown): boolean =>
  error instanceof SyntaxError || (error instanceof Error && "code" in error && beyondNode.includes(error.code))

export interface ImportOptions {
  /** Reads the file as it is now, also where it was imported before; what it imports stays as it was. */
  readonly anew?: boolean
}

let readings = 0

const urlOf = (file: string, { anew = false }: ImportOptions): string =>
  anew ? `${pathToFileURL(file).href}?reading=${++readings}` : pathToFileURL(file).href

const importUrl = (url: string) =>
  // A script may throw anything while it is imported; who reports it looks at what it is.
  // @effect-diagnostics-next-line unknownInEffectCatch:off
  Effect.tryPromise({ try: (): Promise<unknown> => import(url), catch: (error) => error })

/**
 * Imports a test script. Where that is enough, Node itself takes the types off, which costs next to nothing and is remembered in its compile
 * cache; a start of tsx and its compiler takes longer than all else before QEMU's.
 */
export const importModule = Effect.fn("driver.importModule")(function* (file: string, how: ImportOptions = {}) {
  const url = urlOf(file, how)
  addOwnModules()
  const isPlain = yield* Effect.promise(() => isPlainModule(file).catch(() => false))
  if (isPlain && !hasTsx) {
    const imported = yield* Effect.result(importUrl(url))
    if (Result.isSuccess(imported)) return imported.success
    if (!isBeyondNode(imported.failure)) return yield* Effect.fail(imported.failure)
  }
  yield* Effect.promise(addTsx)
  return yield* importUrl(url)
})
