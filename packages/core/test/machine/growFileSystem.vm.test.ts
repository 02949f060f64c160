/** On partitions of extra disks, which are like a root on a disk that has grown: their tables and file systems are smaller than the disk. */
import { growFileSystem, notGrown, readGrownSizes } from "@nix-vm-test/core/machine/growFileSystem"
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Guests } from "../support/Guests.ts"
import { theMachine } from "../support/guestSuite.ts"

const MiB = 1024 ** 2
const bytes = 1024 * MiB

const guests = Guests.layer({
  machines: {
    vm: {
      image: "debian:12",
      memory: "512MiB",
      diskSize: "+1GiB",
      disks: { gpt: { size: bytes }, mbr: { size: bytes }, whole: { size: bytes } }
    }
  }
})

const disk = (name: string) => `/dev/disk/by-id/virtio-${name}`

/** Makes a partition and a file system that leave three quarters of the disk free, the free part behind it. */
const makePartition = (name: string, label: "gpt" | "dos", behind = "") =>
  Effect.flatMap(theMachine, (vm) =>
    vm.succeed(`
      printf 'label: ${label}\\nsize=256MiB\\n${behind}' | sfdisk --quiet ${disk(name)}
      udevadm settle
      mkfs.ext4 -q ${disk(name)}-part1
      mkdir -p /mnt/${name}
      mount ${disk(name)}-part1 /mnt/${name}
      echo kept >/mnt/${name}/file
    `)
  )

/** Has a guest lack a program for a while. */
const without = <A, E, R>(program: string, use: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const vm = yield* theMachine
    const path = (yield* vm.succeed(`command -v ${program}`)).trim()
    yield* vm.succeed(`mv ${path} /root/${program}`)
    const result = yield* use
    yield* vm.succeed(`mv /root/${program} ${path}`)
    return result
  })

const grow = (name: string) =>
  Effect.gen(function* () {
    const vm = yield* theMachine
    const sizes = readGrownSizes(yield* vm.succeed(growFileSystem(`/mnt/${name}`)))
    assert.isDefined(sizes)
    assert.strictEqual(yield* vm.succeed(`cat /mnt/${name}/file`), "kept\n")
    return sizes
  })

layer(guests, { excludeTestServices: true, timeout: "10 minutes" })("growing a file system", (it) => {
  it.effect("has made the root as large as its disk, live in a clone", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      const { bytes: wanted } = (yield* Guests).runMachine("vm").plan.disk
      const sizes = readGrownSizes(yield* vm.succeed(growFileSystem("/")))
      assert.isDefined(sizes)
      assert.isUndefined(notGrown(sizes, wanted))
    })
  )

  it.effect("grows a partition of a GPT by growpart", () =>
    Effect.gen(function* () {
      yield* makePartition("gpt", "gpt")
      assert.isUndefined(notGrown(yield* grow("gpt"), bytes))
    })
  )

  it.effect("does nothing to one that has grown already", () =>
    Effect.gen(function* () {
      assert.isUndefined(notGrown(yield* grow("gpt"), bytes))
    })
  )

  it.effect(
    "grows a partition by sfdisk where there is no growpart, and says what is missing where there is neither",
    () =>
      Effect.gen(function* () {
        const vm = yield* theMachine
        yield* makePartition("mbr", "dos")
        const sizes = yield* without("growpart", grow("mbr"))
        assert.isUndefined(notGrown(sizes, bytes))
        const script = growFileSystem("/mnt/mbr")
        const refused = yield* without("growpart", without("sfdisk", vm.exec(script, { strict: false })))
        assert.strictEqual(refused.exitCode, 1)
        assert.match(
          new TextDecoder().decode(refused.stderr),
          /^the guest has neither growpart nor sfdisk, and its files are on partition 1 of \/dev\/vd[a-z]$/mu
        )
      })
  )

  it.effect("grows a file system on a whole disk, and tells that one which can't be grown is none", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      yield* vm.succeed(
        `mkfs.ext4 -q ${disk("whole")} 256M && mkdir -p /mnt/whole && mount ${disk("whole")} /mnt/whole`
      )
      yield* vm.succeed("echo kept >/mnt/whole/file")
      assert.isUndefined(notGrown(yield* grow("whole"), bytes))
      const refused = yield* vm.exec(growFileSystem("/proc"), { strict: false })
      assert.strictEqual(refused.exitCode, 1)
      assert.include(new TextDecoder().decode(refused.stderr), "proc, which is mounted on /proc, is not a disk")
    })
  )

  it.effect("says that a partition has another one behind it", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      yield* vm.succeed("umount /mnt/gpt")
      yield* makePartition("gpt", "gpt", "size=128MiB\\n")
      assert.match(notGrown(yield* grow("gpt"), bytes) ?? "", /^its partition ends at \d+ of the disk's/u)
    })
  )
})
