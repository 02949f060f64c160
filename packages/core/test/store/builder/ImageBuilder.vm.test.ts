import { assert, layer } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { installedAgentUnit } from "@nix-vm-test/agent/AgentUnit"
import { ChildProcesses } from "@nix-vm-test/core/host/ChildProcesses"
import type { StoredImage } from "@nix-vm-test/core/plan/StoredImage"
import { CacheDirectory } from "@nix-vm-test/core/store/CacheDirectory"
import { ImageStore } from "@nix-vm-test/core/store/ImageStore"
import { createOverlay } from "@nix-vm-test/core/store/Qcow"
import { imageTool } from "../storeAt.ts"
import { imageOf } from "../testDisk.ts"

const services = Layer.mergeAll(NodeServices.layer, ChildProcesses.layer, FetchHttpClient.layer)

// The user's own cache: what these tests build is what the others boot.
const store = ImageStore.layer({ imageTool, agentUnit: installedAgentUnit() }).pipe(
  Layer.provide(CacheDirectory.layer),
  Layer.provideMerge(services)
)

const bootLimit = Duration.minutes(8)

/** Debian 13's kernel crashes under the emulation of this instruction in QEMU 7.2. */
const cpu = "max,-cx16"

/** Boots an overlay of the image and gives the console's text as soon as it holds the words, or when time is up. */
const consoleUntil = Effect.fnUntraced(function* (options: {
  readonly stored: StoredImage
  readonly args: ReadonlyArray<string>
  readonly words: RegExp
}) {
  const fs = yield* FileSystem.FileSystem
  const processes = yield* ChildProcesses
  const overlay = `${yield* fs.makeTempDirectoryScoped()}/overlay.qcow2`
  yield* createOverlay({ path: overlay, base: options.stored })
  const seen = yield* Deferred.make<void>()
  let text = ""
  yield* processes.spawn({
    command: "qemu-system-x86_64",
    args: [
      ...["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio"],
      ...["-M", "pc", "-accel", "tcg,thread=multi", "-cpu", cpu, "-smp", "2", "-m", "1024"],
      ...["-drive", `file=${overlay},if=virtio,cache=unsafe`, "-device", "virtio-rng-pci"],
      ...options.args
    ],
    onStdout: (chunk) => {
      text += Buffer.from(chunk).toString("latin1")
      if (options.words.test(text)) Deferred.doneUnsafe(seen, Effect.void)
    }
  })
  const found = yield* Effect.timeoutOption(Deferred.await(seen), bootLimit)
  assert.isTrue(Option.isSome(found), `the console ended with:\n${text.slice(-2_000)}`)
  return text
})

/** A small FAT disk that cloud-init takes as its seed. */
const makeSeed = Effect.fnUntraced(function* (userData: string) {
  const fs = yield* FileSystem.FileSystem
  const processes = yield* ChildProcesses
  const folder = yield* fs.makeTempDirectoryScoped()
  yield* fs.writeFileString(`${folder}/user-data`, userData)
  yield* fs.writeFileString(`${folder}/meta-data`, "instance-id: one\n")
  const disk = `${folder}/seed.img`
  for (const [command, ...args] of [
    ["truncate", "-s", "1M", disk],
    ["mformat", "-i", disk, "-v", "CIDATA", "::"],
    ["mcopy", "-i", disk, `${folder}/user-data`, `${folder}/meta-data`, "::"]
  ] as const) {
    yield* processes.run({ command, args, timeoutMs: 60_000 })
  }
  return disk
})

const materialize = (recipe: string) =>
  ImageStore.use((images) => images.materialize(imageOf({ _tag: "Packages", recipe })))

const userData = `#!/bin/sh
systemctl list-units --failed --plain --no-legend | sed 's/^/failed unit: /' >/dev/console
echo "seed was run" >/dev/console
`

// The images with the agent in them are what nearly all other guests of the tests are made from. Debian 12's stock image boots by its own GRUB, and
// by cloud-init, in the tests of runs.
layer(store, { excludeTestServices: true })("images built from packages", (it) => {
  it.effect.each(["debian-13-stock"])("%s boots by its own GRUB, and cloud-init runs its seed", (recipe) =>
    Effect.gen(function* () {
      const stored = yield* materialize(recipe)
      assert.isFalse(stored.installedAgent)
      const seed = yield* makeSeed(userData)
      const args = ["-drive", `file=${seed},format=raw,if=virtio,readonly=on`]
      const text = yield* consoleUntil({ stored, args, words: /seed was run/u })
      assert.notInclude(text, "failed unit:")
    })
  )
})
