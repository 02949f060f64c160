/** Small disks for tests, and what an image of the registry would say about them. */
import { createHash, randomBytes } from "node:crypto"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { ChildProcesses } from "@nix-vm-test/core/host/ChildProcesses"
import type { Digest, Image, ImageSource } from "@nix-vm-test/core/spec/Image"
import { imageTool } from "./storeAt.ts"

/** Bytes that look like a disk to whoever looks for a boot sector; the rest is random, so that no part equals another. */
export const rawDisk = (bytes: number): Uint8Array => {
  const content = randomBytes(bytes)
  content.set([0x55, 0xaa], 510)
  return content
}

export const digestOf = (content: Uint8Array, algorithm: Digest["algorithm"] = "sha256"): Digest => ({
  algorithm,
  hex: createHash(algorithm).update(content).digest("hex")
})

/** A qcow2 file of a raw disk. */
export const makeQcow = Effect.fnUntraced(function* (options: { readonly path: string; readonly content: Uint8Array }) {
  const fs = yield* FileSystem.FileSystem
  const processes = yield* ChildProcesses
  const raw = `${options.path}.raw`
  yield* fs.writeFile(raw, options.content)
  const args = ["convert", "-f", "raw", "-O", "qcow2", raw, options.path]
  yield* processes.run({ command: imageTool, args, timeoutMs: 60_000 })
  yield* fs.remove(raw)
  return yield* fs.readFile(options.path)
})

export const imageOf = (first: ImageSource, ...others: ReadonlyArray<ImageSource>): Image => ({
  id: "test:1",
  family: "test",
  version: "1",
  architecture: "x86_64",
  sources: [first, ...others],
  format: "qcow2",
  facts: {
    init: "systemd",
    entry: "nocloud",
    ninep: false,
    virtiofs: true,
    rootFilesystem: "ext4",
    lvm: false,
    networkManager: "netplan",
    selinux: "none",
    packageManager: "apt",
    cpuLevel: 1,
    slowUnits: []
  }
})
