/**
 * System packages, each known by a tool that it brings.
 *
 * The table is Debian's. On another system the same tools are looked for, and what is missing is named.
 */
import { findTool } from "./paths.mjs"
import { SetupError, capture, runStep } from "./step.mjs"

/** @typedef {{ readonly tool: string, readonly package: string }} SystemTool */

/** @type {readonly SystemTool[]} */
const guestTools = [
  { tool: "qemu-system-x86_64", package: "qemu-system-x86" },
  { tool: "qemu-img", package: "qemu-utils" },
  { tool: "setpriv", package: "util-linux" },
  { tool: "unshare", package: "util-linux" },
  { tool: "mmdebstrap", package: "mmdebstrap" },
  { tool: "newuidmap", package: "uidmap" },
  { tool: "sfdisk", package: "fdisk" },
  { tool: "mke2fs", package: "e2fsprogs" },
  { tool: "debugfs", package: "e2fsprogs" },
  { tool: "mcopy", package: "mtools" },
  { tool: "zstd", package: "zstd" },
  { tool: "python3", package: "python3" }
]

/** @type {readonly SystemTool[]} */
const agentTools = [
  { tool: "musl-gcc", package: "musl-tools" },
  { tool: "gcc", package: "gcc" }
]

/** @type {readonly SystemTool[]} */
const testTools = [{ tool: "clang", package: "clang" }]

/** What a task needs of the system; tasks that are not named need nothing. @type {Readonly<Record<string, readonly SystemTool[]>>} */
export const toolsOf = {
  build: agentTools,
  demo: [...agentTools, ...guestTools],
  bench: [...agentTools, ...guestTools],
  test: [...agentTools, ...guestTools, ...testTools]
}

/** @param {readonly SystemTool[]} tools */
export const missingPackages = (tools) => [
  ...new Set(tools.filter(({ tool }) => findTool(tool).length === 0).map((missing) => missing.package))
]

/** @param {readonly string[]} packages */
export const installPackages = async (packages) => {
  const install = ["apt-get", "install", "-y", "--no-install-recommends", ...packages]
  if (findTool("apt-get").length === 0) {
    throw new SetupError(
      `missing, and there is no apt-get to install it (names of Debian's packages): ${packages.join(" ")}`
    )
  }
  const root = process.getuid?.() === 0
  if (!root && (await capture(["sudo", "-n", "true"])).status !== 0) {
    throw new SetupError(`system packages are missing; type this, then start again:\n  sudo ${install.join(" ")}`)
  }
  const asRoot = root ? ["env"] : ["sudo", "-n", "env"]
  const quiet = [...asRoot, "DEBIAN_FRONTEND=noninteractive"]
  await runStep("package lists", [...quiet, "apt-get", "update", "-q"])
  await runStep(`system packages: ${packages.join(" ")}`, [...quiet, ...install])
}
