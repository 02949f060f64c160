/** Stamps: a step is due when the digest of its inputs differs from the one that its last success left behind. */
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, statSync, writeFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { root } from "./paths.mjs"

/** @param {string} path @returns {string[]} */
const filesBelow = (path) =>
  readdirSync(path, { withFileTypes: true }).flatMap((entry) => {
    const child = join(path, entry.name)
    return entry.isDirectory() ? filesBelow(child) : entry.isFile() ? [child] : []
  })

/** @param {readonly string[]} paths files and folders; those that do not exist count as absent */
export const digestOf = (paths) => {
  const hash = createHash("sha256")
  for (const path of paths) {
    const files = !existsSync(path) ? [] : statSync(path).isDirectory() ? filesBelow(path).sort() : [path]
    for (const file of files) {
      const content = readFileSync(file)
      hash.update(`${relative(root, file)}\0${content.length}\0`).update(content)
    }
  }
  return hash.digest("hex")
}

/** @param {string} stamp @returns {string | undefined} */
export const readStamp = (stamp) => (existsSync(stamp) ? readFileSync(stamp, "utf8") : undefined)

/** @param {string} stamp @param {string} digest */
export const writeStamp = (stamp, digest) => {
  mkdirSync(dirname(stamp), { recursive: true })
  const beside = `${stamp}.${process.pid}`
  writeFileSync(beside, digest)
  renameSync(beside, stamp)
}
