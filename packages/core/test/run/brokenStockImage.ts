/** Stock images that cloud-init starts in and that the agent does not come into, made without a guest. */
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import * as Schema from "effect/Schema"

const PartitionTable = Schema.fromJsonString(
  Schema.Struct({
    partitiontable: Schema.Struct({
      partitions: Schema.Array(Schema.Struct({ start: Schema.Finite, size: Schema.Finite }))
    })
  })
)

/** Where the largest partition begins, bytes. */
const rootOffset = (disk: string): number => {
  const { partitiontable } = Schema.decodeSync(PartitionTable)(String(execFileSync("sfdisk", ["--json", disk])))
  const [root] = partitiontable.partitions.toSorted((left, right) => right.size - left.size)
  return (root?.start ?? 0) * 512
}

/** A copy of a disk, in a folder, whose ext4 root lacks a file. */
export const withoutFile = (options: { readonly disk: string; readonly folder: string; readonly file: string }) => {
  const copy = path.join(options.folder, "broken.raw")
  execFileSync("qemu-img", ["convert", "-O", "raw", options.disk, copy])
  const root = `${copy}?offset=${rootOffset(copy)}`
  execFileSync("debugfs", ["-w", "-R", `rm ${options.file}`, root], { stdio: "pipe" })
  if (String(execFileSync("debugfs", ["-R", `stat ${options.file}`, root], { stdio: "pipe" })).includes("Inode:")) {
    throw new Error(`${options.file} is still there`)
  }
  fs.chmodSync(copy, 0o444)
  return copy
}
