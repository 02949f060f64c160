/** Where things are in this repository, whatever the current directory is. */
import { existsSync } from "node:fs"
import { delimiter, dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
export const cache = join(root, ".cache")
export const bundle = join(root, "packages/driver/dist/nix-vm-test.mjs")

/** The host's processor, as QEMU and compilers call it. */
export const architecture = process.arch === "arm64" ? "aarch64" : "x86_64"

/** An ordinary user's PATH lacks the folders where Debian keeps `sfdisk`, `mke2fs` and their like. */
export const searchPath = [
  ...(process.env.PATH ?? "").split(delimiter),
  "/usr/local/sbin",
  "/usr/sbin",
  "/sbin"
].filter((folder, index, all) => folder !== "" && all.indexOf(folder) === index)

/** @param {string} tool @returns {string[]} every place where it is found */
export const findTool = (tool) => searchPath.map((folder) => join(folder, tool)).filter((path) => existsSync(path))
