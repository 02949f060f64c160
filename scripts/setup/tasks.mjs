/** The commands behind `npm run …`, run by Node 24 once everything they need is there. */
import { join } from "node:path"
import { bundle, root } from "./paths.mjs"

/** @param {string} path */
const inRoot = (path) => join(root, path)

/** Arguments for Node; undefined when the set-up itself was the task. @type {Readonly<Record<string, (args: readonly string[]) => readonly string[] | undefined>>} */
export const tasks = {
  demo: (args) => [bundle, "run", inRoot("examples/hello/hello.ts"), ...args],
  test: (args) => [inRoot("node_modules/vitest/vitest.mjs"), "run", "--root", root, ...args],
  check: (args) => [inRoot("scripts/check.ts"), ...args],
  bench: (args) => [inRoot("bench/main.ts"), ...args],
  docs: (args) => [inRoot("scripts/docs.ts"), ...args],
  build: () => undefined
}
