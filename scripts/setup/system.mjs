/**
 * System packages, each known by a tool that it brings.
 *
 * The table is Debian's. On another system the same tools are looked for, and what is missing is named.
 */
import { architecture, findTool } from "./paths.mjs"
import { SetupError, capture, runStep } from "./step.mjs"

/** @typedef {{ readonly tool: string, readonly packages: readonly string[] }} SystemTool */

/** @type {readonly SystemTool[]} */
const guestTools = [
  {
    tool: `qemu-system-${architecture}`,
    packages: [architecture === "aarch64" ? "qemu-system-arm" : "qemu-system-x86"]
  },
  { tool: "qemu-img", packages: ["qemu-utils"] },
  { tool: "setpriv", packages: ["util-linux"] },
  { tool: "unshare", packages: ["util-linux"] },
  { tool: "mmdebstrap", packages: ["mmdebstrap"] },
  { tool: "newuidmap", packages: ["uidmap"] },
  { tool: "sfdisk", packages: ["fdisk"] },
  { tool: "mke2fs", packages: ["e2fsprogs"] },
  { tool: "debugfs", packages: ["e2fsprogs"] },
  { tool: "mcopy", packages: ["mtools"] },
  { tool: "mksquashfs", packages: ["squashfs-tools"] },
  { tool: "zstd", packages: ["zstd"] },
  { tool: "python3", packages: ["python3"] }
]

/** @type {readonly SystemTool[]} */
const docsTools = [{ tool: "python3", packages: ["python3"] }]

/** @type {readonly SystemTool[]} */
const agentTools = [
  { tool: "musl-gcc", packages: ["musl-tools"] },
  { tool: "gcc", packages: ["gcc"] }
]

/** @type {readonly SystemTool[]} */
const testTools = [
  // Its sanitizers are a package of their own.
  { tool: "clang", packages: ["clang", "libclang-rt-dev"] },
  { tool: "pyflakes3", packages: ["pyflakes3"] },
  { tool: "mypy", packages: ["mypy"] },
  { tool: "ipython3", packages: ["ipython3"] },
  { tool: "dnf", packages: ["dnf"] },
  { tool: "rpmbuild", packages: ["rpm"] },
  { tool: "dpkg-deb", packages: ["dpkg"] },
  { tool: "gpg", packages: ["gnupg"] },
  { tool: "gpgv", packages: ["gpgv"] },
  { tool: "openssl", packages: ["openssl"] }
]

/** What a task needs of the system; tasks that are not named need nothing. @type {Readonly<Record<string, readonly SystemTool[]>>} */
export const toolsOf = {
  build: agentTools,
  check: docsTools,
  docs: docsTools,
  demo: [...agentTools, ...guestTools],
  bench: [...agentTools, ...guestTools],
  test: [...agentTools, ...guestTools, ...testTools]
}

/** @param {readonly SystemTool[]} tools */
export const missingPackages = (tools) => [
  ...new Set(tools.filter(({ tool }) => findTool(tool).length === 0).flatMap((missing) => missing.packages))
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
    throw new SetupError(
      `system packages are missing; type this, then start again:\n  sudo apt-get update && sudo ${install.join(" ")}`
    )
  }
  const asRoot = root ? ["env"] : ["sudo", "-n", "env"]
  const quiet = [...asRoot, "DEBIAN_FRONTEND=noninteractive"]
  await runStep("package lists", [...quiet, "apt-get", "update", "-q"])
  await runStep(`system packages: ${packages.join(" ")}`, [...quiet, ...install])
}
