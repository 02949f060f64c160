/** Node 24 or later: the one that runs this, a pinned one that was installed before, or another one on PATH. */
import { existsSync, realpathSync } from "node:fs"
import { join } from "node:path"
import { cache, findTool } from "./paths.mjs"
import { SetupError, capture, runStep } from "./step.mjs"

const oldest = 24
/** The npm packages `node-linux-*` hold the official binaries and run no install script. */
const pinned = "24.21.0"
const folder = join(cache, "node")
const packageName = `node-linux-${process.arch}`
const own = join(folder, "node_modules", packageName, "bin/node")

/** @param {string} version */
const isRecent = (version) => Number(/^v?(\d+)\./.exec(version.trim())?.[1]) >= oldest

/** @returns {Promise<string | undefined>} path of a Node that will do; undefined when one must be installed */
export const findNode = async () => {
  if (isRecent(process.version)) return process.execPath
  if (existsSync(own)) return own
  const others = findTool("node").filter((path) => realpathSync(path) !== realpathSync(process.execPath))
  for (const path of others) {
    const { output, status } = await capture([path, "--version"])
    if (status === 0 && isRecent(output)) return path
  }
  return undefined
}

export const installNode = async () => {
  if (!["x64", "arm64"].includes(process.arch)) {
    throw new SetupError(
      `Node ${process.version} is too old and there is no pinned one for ${process.arch}: install Node ${oldest} or later`
    )
  }
  // Without a package.json of its own, npm would look for one in the folders above and take the workspace for its project.
  await runStep(`Node ${pinned} (the running one is ${process.version})`, [
    "npm",
    "install",
    "--prefix",
    folder,
    "--no-save",
    "--no-audit",
    "--no-fund",
    "--no-package-lock",
    "--workspaces=false",
    `${packageName}@${pinned}`
  ])
  if (!existsSync(own)) throw new SetupError(`npm installed ${packageName}@${pinned}, but there is no ${own}`)
}
