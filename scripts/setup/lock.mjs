/**
 * One process at a time.
 *
 * The kernel's own file lock, held by a `flock` child whose stdin is our pipe: it ends with us, however we end.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdirSync } from "node:fs"
import { dirname } from "node:path"
import { SetupError, say } from "./step.mjs"

/** @template A @param {string} file @param {() => Promise<A>} body @returns {Promise<A>} */
export const withLock = async (file, body) => {
  mkdirSync(dirname(file), { recursive: true })
  const holder = spawn("flock", [file, "sh", "-c", "echo held; exec cat"], { stdio: ["pipe", "pipe", "inherit"] })
  const waiting = setTimeout(() => say("waiting for another set-up of this work tree …"), 300)
  try {
    const held = await Promise.race([
      once(holder.stdout, "data").then(() => true),
      once(holder, "exit").then(() => false)
    ]).catch((error) => {
      throw new SetupError(`flock (of util-linux) is needed: ${error.message}`)
    })
    if (!held) throw new SetupError(`can't lock ${file}`)
    clearTimeout(waiting)
    return await body()
  } finally {
    clearTimeout(waiting)
    holder.stdin.destroy()
  }
}
