/** Each way of a share, in a clone and in a machine that booted: what it keeps of a tree, who sees whose changes, and what a reboot leaves. */
import * as fs from "node:fs"
import * as path from "node:path"
import { afterAll, assert, layer } from "@effect/vitest"
import type { MachineSpecInput } from "@nix-vm-test/core/spec/MachineSpec"
import * as Effect from "effect/Effect"
import { Guests } from "../support/Guests.ts"
import { listTree, makeShareScene, treeListing } from "../support/shareScene.ts"

const scene = makeShareScene()
afterAll(scene.remove)

type Way = "9p" | "virtiofs" | "image" | "copy"

const treeBy = (via: Way) => ({ source: scene.tree, target: `/mnt/tree-${via}`, readOnly: true, via })
const written = { clone: scene.writable("clone"), cold: scene.writable("cold"), live: scene.writable("live") }
const writtenBy = (source: string, via: Way) => ({ source, target: `/mnt/written ${via}`, via })

const shape = { image: "debian:12", memory: "512MiB" }

const clone: MachineSpecInput = {
  ...shape,
  start: "clone",
  exchange: true,
  store: "closure",
  extraPathsToRegister: [scene.closureInfo],
  storeDir: scene.store,
  shares: {
    nine: treeBy("9p"),
    image: treeBy("image"),
    copy: treeBy("copy"),
    back: writtenBy(written.clone, "copy")
  },
  // Stands in for Nix, which the guest does not have: shows that it is asked, and for what.
  files: {
    "/usr/local/bin/nix-store": { text: '#!/bin/sh\necho "$@" > /root/asked; cat > /root/loaded\n', mode: "0755" }
  }
}

const cold: MachineSpecInput = {
  ...shape,
  start: "cold",
  exchange: true,
  store: "host",
  storeDir: scene.store,
  shares: {
    nine: treeBy("9p"),
    virtio: treeBy("virtiofs"),
    image: treeBy("image"),
    copy: treeBy("copy"),
    live: writtenBy(written.live, "virtiofs"),
    back: writtenBy(written.cold, "copy")
  }
}

const guests = Guests.layer({ machines: { clone, cold } })

const machine = (name: "clone" | "cold") => Effect.map(Guests, (all) => all.machine(name))

const read = (...parts: ReadonlyArray<string>) => fs.readFileSync(path.join(...parts), "utf8")

layer(guests, { excludeTestServices: true, timeout: "10 minutes" })("shares", (it) => {
  it.effect("start as the machine is asked to, and the report tells how each came", () =>
    Effect.gen(function* () {
      const { events, runMachine } = yield* Guests
      for (const name of ["clone", "cold"]) {
        assert.strictEqual((yield* runMachine(name).power.current)?.start, name)
      }
      const told = events().flatMap((event) => (event._tag === "Notice" && event.topic === "share" ? [event.text] : []))
      assert.lengthOf(told, 7 + 9)
      assert.include(told, "/mnt/tree-virtiofs comes by virtiofs: it sees what the host changes")
      assert.isTrue(told.some((text) => text.startsWith("/mnt/written copy comes as a copy: ")))
    })
  )

  it.effect.each<readonly ["clone" | "cold", Way, 1 | 2]>([
    ["clone", "9p", 2],
    ["clone", "image", 2],
    ["clone", "copy", 1],
    ["cold", "9p", 2],
    ["cold", "virtiofs", 2],
    ["cold", "image", 2],
    ["cold", "copy", 1]
  ])("keep names, modes and links of a tree: %s, %s", ([name, way, links]) =>
    Effect.gen(function* () {
      const vm = yield* machine(name)
      const target = `/mnt/tree-${way}`
      const listing = (yield* vm.succeed(listTree(target))).split("\0").slice(0, -1)
      assert.deepStrictEqual(listing, treeListing({ links }))
      assert.strictEqual(yield* vm.succeed(`cat ${target}/link`), "deep\n")
    })
  )

  it.effect.each<readonly ["clone" | "cold", Way]>([
    ["clone", "9p"],
    ["clone", "image"],
    ["cold", "virtiofs"]
  ])("keep extended attributes: %s, %s", ([name, way]) =>
    Effect.gen(function* () {
      const vm = yield* machine(name)
      const attribute = `import os; print(os.getxattr('/mnt/tree-${way}/file', 'user.note').decode())`
      assert.strictEqual(yield* vm.succeed(["python3", "-c", attribute]), "kept\n")
    })
  )

  it.effect("can't be written where they are for reading, whatever the guest does to its mounts", () =>
    Effect.gen(function* () {
      for (const [name, ways] of [
        ["clone", ["9p", "image", "copy"]],
        ["cold", ["9p", "virtiofs", "image", "copy"]]
      ] as const) {
        const vm = yield* machine(name)
        for (const way of ways) yield* vm.fail(`touch /mnt/tree-${way}/new`)
      }
      const booted = yield* machine("cold")
      yield* booted.fail("mount -o remount,rw /mnt/tree-virtiofs && touch /mnt/tree-virtiofs/new")
      assert.notInclude(fs.readdirSync(scene.tree), "new")
    })
  )

  it.effect("by virtiofs are the same for both sides at once", () =>
    Effect.gen(function* () {
      const vm = yield* machine("cold")
      yield* vm.succeed("echo from the guest > '/mnt/written virtiofs/new'")
      assert.strictEqual(read(written.live, "new"), "from the guest\n")
      fs.writeFileSync(path.join(written.live, "later"), "from the host\n")
      assert.strictEqual(yield* vm.succeed("cat '/mnt/written virtiofs/later'"), "from the host\n")
    })
  )

  it.effect("exchange files between the run's machines, and between each and the host", () =>
    Effect.gen(function* () {
      const [one, two] = [yield* machine("clone"), yield* machine("cold")]
      yield* one.succeed("echo hello > /tmp/shared/greeting; echo mine > /tmp/xchg/own")
      assert.strictEqual(yield* two.succeed("cat /tmp/shared/greeting"), "hello\n")
      yield* two.fail("test -e /tmp/xchg/own")
      const { exchange } = one
      assert.strictEqual(read(exchange?.shared ?? "", "greeting"), "hello\n")
      assert.strictEqual(read(exchange?.own ?? "", "own"), "mine\n")
    })
  )

  it.effect("show of the store the closure and nothing else, registered where there is Nix", () =>
    Effect.gen(function* () {
      const vm = yield* machine("clone")
      const names = scene.closure.map((each) => path.basename(each))
      assert.sameMembers((yield* vm.succeed(["ls", scene.store])).trim().split("\n"), names)
      const [program = ""] = scene.closure
      assert.strictEqual(yield* vm.succeed([`${program}/bin/hello`]), "hello from the store\n")
      assert.strictEqual(yield* vm.succeed(`stat -c %U:%G ${program}`), "root:root\n")
      yield* vm.fail(`touch ${scene.store}/new`)
      const file = path.join(path.dirname(scene.store), "nix-path-registration")
      assert.strictEqual(yield* vm.succeed(["cat", file]), scene.registration)
      assert.strictEqual(yield* vm.succeed("cat /root/asked /root/loaded"), `--load-db\n${scene.registration}`)
    })
  )

  it.effect("show the whole store, as it is on the host", () =>
    Effect.gen(function* () {
      const vm = yield* machine("cold")
      yield* vm.succeed(["test", "-d", scene.outsider])
      yield* vm.fail(`touch ${scene.store}/new`)
    })
  )

  it.effect("are as they were after a checkpoint is restored", () =>
    Effect.gen(function* () {
      const vm = yield* machine("clone")
      yield* vm.succeed("echo before > '/mnt/written copy/state'")
      const checkpoint = yield* vm.checkpoint()
      yield* vm.succeed("echo after > '/mnt/written copy/state'")
      yield* vm.restore(checkpoint)
      assert.strictEqual(yield* vm.succeed("cat '/mnt/written copy/state'"), "before\n")
      for (const way of ["9p", "image", "copy"]) yield* vm.succeed(`grep text /mnt/tree-${way}/file`)
      const booted = yield* machine("cold")
      const refused = yield* Effect.flip(booted.checkpoint())
      assert.include(refused.message, "a checkpoint can't be made of a machine with a share by virtiofs")
    })
  )

  it.effect("are there again after a reboot, copies with what the guest wrote", () =>
    Effect.gen(function* () {
      for (const name of ["clone", "cold"] as const) {
        const vm = yield* machine(name)
        yield* vm.succeed(
          "cd '/mnt/written copy'; echo of the guest > changed; mkdir sub/made; echo new > sub/made/file"
        )
        yield* vm.succeed("cd '/mnt/written copy'; rm -f kept; ln -s sub/made/file link; mkdir empty; chmod 700 sub")
      }
      const vm = yield* machine("cold")
      yield* vm.reboot()
      assert.strictEqual(yield* vm.succeed("cat '/mnt/written copy/changed'"), "of the guest\n")
      for (const way of ["9p", "virtiofs", "image", "copy"]) {
        yield* vm.succeed(`grep text /mnt/tree-${way}/file`)
        yield* vm.fail(`touch /mnt/tree-${way}/new`)
      }
      yield* vm.succeed("mountpoint /tmp/xchg && mountpoint /tmp/shared")
    })
  )

  it.effect("that are copies are written back: by a shutdown, and when the run's end asks for it", () =>
    Effect.gen(function* () {
      const { runMachine } = yield* Guests
      assert.strictEqual(read(written.clone, "changed"), "of the host\n")
      yield* (yield* machine("clone")).shutdown()
      yield* runMachine("cold").bringBack
      for (const folder of [written.clone, written.cold]) {
        assert.strictEqual(read(folder, "changed"), "of the guest\n")
        assert.strictEqual(read(folder, "sub/made/file"), "new\n")
        assert.strictEqual(fs.readlinkSync(path.join(folder, "link")), "sub/made/file")
        assert.isTrue(fs.statSync(path.join(folder, "empty")).isDirectory())
        assert.strictEqual(fs.statSync(path.join(folder, "sub")).mode & 0o777, 0o700)
        // What the guest removes stays.
        assert.strictEqual(read(folder, "kept"), "of the host\n")
      }
    })
  )

  it.effect("that are copies lead nowhere else on the host", () =>
    Effect.gen(function* () {
      const { runMachine } = yield* Guests
      const vm = yield* machine("cold")
      const elsewhere = scene.writable("elsewhere")
      fs.symlinkSync(elsewhere, path.join(written.cold, "trap"))
      yield* vm.succeed("mkdir '/mnt/written copy/trap'; echo caught > '/mnt/written copy/trap/changed'")
      const error = yield* Effect.flip(runMachine("cold").bringBack)
      assert.include(error.message, "trap")
      assert.strictEqual(read(elsewhere, "changed"), "of the host\n")
      // The run's end tries again.
      fs.rmSync(path.join(written.cold, "trap"))
    })
  )
})
