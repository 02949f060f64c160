/**
 * What `import` means inside a test script: TypeScript works as it is, `@nix-vm-test/core` is this driver's own, and `effect` is found beside the
 * driver where the script's folder has none.
 */
import * as Module from "node:module"
import { defineTest, MachineError, TestFailure, testScript } from "@nix-vm-test/core"

const own = { defineTest, testScript, MachineError, TestFailure }
const ownKey = "nix-vm-test/script-api"
const ownUrl = "nix-vm-test:core"

/** A module of which every name is one that this process has already: a script and its driver share one copy. */
const ownSource = [
  `const own = globalThis[Symbol.for(${JSON.stringify(ownKey)})]`,
  ...Object.keys(own).map((name) => `export const ${name} = own.${name}`)
].join("\n")

let isReady = false

const addHooks = (): void => {
  Object.defineProperty(globalThis, Symbol.for(ownKey), { value: own, configurable: true })
  const besideDriver = Module.createRequire(import.meta.url)
  Module.registerHooks({
    resolve: (specifier, context, next) => {
      if (specifier === "@nix-vm-test/core") return { url: ownUrl, format: "module", shortCircuit: true }
      if (specifier !== "effect" && !specifier.startsWith("effect/")) return next(specifier, context)
      try {
        return next(specifier, context)
      } catch {
        return next(besideDriver.resolve(specifier), context)
      }
    },
    load: (url, context, next) =>
      url === ownUrl ? { format: "module", source: ownSource, shortCircuit: true } : next(url, context)
  })
}

/** Prepares this process for importing test scripts; once is enough. */
export const prepareScriptModules = async (): Promise<void> => {
  if (isReady) return
  isReady = true
  // Its cache is a predictable folder in the temporary directory, where other users could leave code for us, and would stay behind.
  process.env["TSX_DISABLE_CACHE"] = "1"
  // tsx compiles all of TypeScript, also what Node's own type stripping leaves out, and maps stack traces to the script's lines.
  const { register } = await import("tsx/esm/api")
  register()
  addHooks()
}
