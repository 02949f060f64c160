/** The npm dependencies, as the lock file says. */
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { root } from "./paths.mjs"
import { runStep } from "./step.mjs"

/** @param {string} file @returns {Readonly<Record<string, { readonly version?: string, readonly optional?: boolean }>>} */
const packagesIn = (file) => (existsSync(file) ? JSON.parse(readFileSync(file, "utf8")).packages : {})

/** Compares with npm's own record of what it installed, which it writes last: an interrupted install can't pass for done. */
export const npmDue = () => {
  const installed = packagesIn(join(root, "node_modules/.package-lock.json"))
  return Object.entries(packagesIn(join(root, "package-lock.json"))).some(
    ([path, { version, optional = false }]) =>
      path.includes("node_modules/") && !optional && (!(path in installed) || installed[path]?.version !== version)
  )
}

/** @param {NodeJS.ProcessEnv} env */
export const installNpm = (env) =>
  // No dependency needs its install script.
  runStep("npm dependencies", ["npm", "ci", "--ignore-scripts"], { cwd: root, env })
