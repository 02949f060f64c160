/** The npm dependencies, as the lock file says. */
import { join } from "node:path"
import { digestOf, readStamp, writeStamp } from "./digest.mjs"
import { root } from "./paths.mjs"
import { runStep } from "./step.mjs"

// `npm ci` removes node_modules first, and the stamp with it: an interrupted one can't pass for done.
const stamp = join(root, "node_modules/.nix-vm-test-lock")
const inputs = ["package-lock.json", ".npmrc"].map((file) => join(root, file))

export const npmDue = () => readStamp(stamp) !== digestOf(inputs)

/** @param {NodeJS.ProcessEnv} env */
export const installNpm = async (env) => {
  const digest = digestOf(inputs)
  // No dependency needs its install script.
  await runStep("npm dependencies", ["npm", "ci", "--ignore-scripts"], { cwd: root, env })
  writeStamp(stamp, digest)
}
