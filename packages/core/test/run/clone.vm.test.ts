/** Machines that start as clones of a booted guest. All share one template, which other tests' machines start from too. */
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { afterAll, assert, describe, layer } from "@effect/vitest"
import type { Machine } from "@nix-vm-test/core/machine/Machine"
import { MachineError } from "@nix-vm-test/core/machine/MachineError"
import type { MachineSpecInput } from "@nix-vm-test/core/spec/MachineSpec"
import { CacheDirectory } from "@nix-vm-test/core/store/CacheDirectory"
import { runServices } from "@nix-vm-test/driver/run/services"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Guests } from "../support/Guests.ts"
import { theMachine } from "../support/guestSuite.ts"
import { alterTemplate, copyTemplate, keyOf } from "../support/templates.ts"

const MiB = 1024 ** 2
const GiB = 1024 ** 3

const shape = { image: "debian:12", memory: "512MiB", start: "clone" } as const satisfies MachineSpecInput

const options = { excludeTestServices: true, timeout: "10 minutes" } as const

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "nvt-clone-"))
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

const text = (machine: Machine, command: string) => Effect.map(machine.succeed(command), (output) => output.trim())

/** How the machines of the block were started, in order. */
const starts = Effect.map(Guests, ({ events }) =>
  events().flatMap((event) => (event._tag === "MachineStarting" ? [`${event.machine} ${event.start}`] : []))
)

const noticesOf = Effect.map(Guests, ({ events }) =>
  events().flatMap((event) => (event._tag === "Notice" && event.topic === "retry" ? [event.text] : []))
)

const twoClones = Guests.layer({ machines: { one: shape, two: shape } })

layer(twoClones, options)("two clones of one template", (it) => {
  const both = <A, E, R>(ask: (machine: Machine) => Effect.Effect<A, E, R>) =>
    Effect.flatMap(Guests, ({ machine }) =>
      Effect.all([ask(machine("one")), ask(machine("two"))], { concurrency: "unbounded" })
    )
  const differ = (command: string) =>
    Effect.gen(function* () {
      const [one, two] = yield* both((machine) => text(machine, command))
      assert.notStrictEqual(one, "")
      assert.notStrictEqual(one, two)
    })

  it.effect("are said to be clones", () =>
    Effect.gen(function* () {
      assert.sameMembers(yield* starts, ["one clone", "two clone"])
      assert.deepStrictEqual(yield* noticesOf, [])
    })
  )

  it.effect("go on where the template stood: their kernel ran before their QEMU did", () =>
    Effect.gen(function* () {
      const { runMachine, events } = yield* Guests
      for (const name of ["one", "two"]) {
        const incarnation = yield* runMachine(name).power.current
        const uptime = Number(yield* text(runMachine(name).machine, "cut -d' ' -f1 /proc/uptime"))
        const running = (performance.now() - (incarnation?.spawnedAt ?? 0)) / 1000
        assert.isAbove(uptime, running)
        // No boot was seen on their consoles.
        const console = yield* runMachine(name).machine.getConsoleLog()
        assert.notInclude(console, "Linux version")
      }
      const phases = events().flatMap((event) =>
        event._tag === "MachinePhaseReached" && event.machine === "one" ? [event.phase] : []
      )
      assert.deepStrictEqual(phases, ["connected", "settled", "ready"])
    })
  )

  it.effect("have names of their own", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* both((machine) => text(machine, "hostname; cat /etc/hostname")), [
        "one\none",
        "two\ntwo"
      ])
    })
  )

  it.effect("have machine-ids of their own, by which the journal is found all the same", () =>
    Effect.gen(function* () {
      yield* differ("cat /etc/machine-id")
      const [one] = yield* both((machine) =>
        text(
          machine,
          "logger -t nvt-test from the clone; journalctl --sync; journalctl -q -t nvt-test -o cat; journalctl -q -k | grep -c ."
        )
      )
      const [logged, ofTheBoot] = one.split("\n")
      assert.strictEqual(logged, "from the clone")
      assert.isAbove(Number(ofTheBoot), 100)
    })
  )

  it.effect("have SSH host keys of their own, which their servers use", () =>
    Effect.gen(function* () {
      yield* differ("cat /etc/ssh/ssh_host_ed25519_key")
      yield* both((machine) => machine.waitForOpenPort(22))
      const pairs = yield* both((machine) =>
        text(
          machine,
          "ssh-keyscan -T 60 -t ed25519 localhost 2>/dev/null | cut -d' ' -f3; cut -d' ' -f2 /etc/ssh/ssh_host_ed25519_key.pub"
        )
      )
      for (const pair of pairs) {
        const [served, written] = pair.split("\n")
        assert.isNotEmpty(served)
        assert.strictEqual(served, written)
      }
      const others = yield* both((machine) => text(machine, "ls /etc/ssh/ssh_host_*_key"))
      assert.deepStrictEqual(others, ["/etc/ssh/ssh_host_ed25519_key", "/etc/ssh/ssh_host_ed25519_key"])
    })
  )

  it.effect("draw random numbers of their own from their first moment", () =>
    Effect.gen(function* () {
      yield* differ("head -c 16 /dev/urandom | od -An -tx1")
      yield* differ("cat /proc/sys/kernel/random/uuid")
      for (const log of yield* both((machine) => text(machine, "dmesg"))) {
        assert.include(log, "crng reseeded due to virtual machine fork")
      }
    })
  )

  it.effect("have the host's time", () =>
    Effect.gen(function* () {
      const before = Date.now() / 1000
      const times = yield* both((machine) => Effect.map(text(machine, "date +%s.%N"), Number))
      const after = Date.now() / 1000
      for (const time of times) {
        assert.isAbove(time, before - 3)
        assert.isBelow(time, after + 3)
      }
    })
  )

  it.effect("write to disks of their own", () =>
    Effect.gen(function* () {
      yield* both((machine) => machine.succeed("test ! -e /root/mine; hostname >/root/mine; sync"))
      assert.deepStrictEqual(yield* both((machine) => text(machine, "cat /root/mine")), ["one", "two"])
    })
  )

  it.effect("are idle: nothing of the template's boot goes on in them", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(
        yield* both((machine) => text(machine, "systemctl list-jobs --no-legend; udevadm settle --timeout=0")),
        ["", ""]
      )
    })
  )
})

fs.mkdirSync(path.join(folder, "share"))
fs.writeFileSync(path.join(folder, "share/from-host"), "read me\n")

const furnished = Guests.layer({
  machines: {
    vm: {
      ...shape,
      diskSize: "+1G",
      disks: { data: { size: "64MiB" } },
      shares: { share: { source: path.join(folder, "share"), target: "/mnt/share" } },
      files: { "/etc/made/by.spec": { text: "from the spec\n", mode: "0600" } },
      forwardPorts: [{ guest: 22 }]
    }
  }
})

layer(furnished, options)("a clone", (it) => {
  const dataDisk = "/dev/disk/by-id/virtio-data"
  const id = Effect.flatMap(theMachine, (vm) =>
    text(vm, "cat /etc/machine-id; hostname; cat /etc/ssh/ssh_host_ed25519_key.pub")
  )
  const seen = Effect.gen(function* () {
    const vm = yield* theMachine
    assert.strictEqual(yield* vm.succeed("cat /mnt/share/from-host"), "read me\n")
    yield* vm.succeed("echo written > /mnt/share/from-guest")
    assert.strictEqual(fs.readFileSync(path.join(folder, "share/from-guest"), "utf8"), "written\n")
    fs.rmSync(path.join(folder, "share/from-guest"))
    assert.strictEqual(Number(yield* vm.succeed(`blockdev --getsize64 ${dataDisk}`)), 64 * MiB)
    const root = Number(yield* vm.succeed("df --block-size=1 --output=size / | tail -n 1"))
    assert.isAbove(root, (yield* Guests).runMachine("vm").plan.disk.image.virtualSize + 0.7 * GiB)
  })

  /** What the guest's SSH server says first on the host's port. */
  const greeting = Effect.gen(function* () {
    const { events } = yield* Guests
    const notices = events().flatMap((event) => (event._tag === "Notice" ? [event.text] : []))
    const port = /port 22 of the guest is 127\.0\.0\.1:(\d+)/u.exec(notices.join("\n"))?.[1]
    const vm = yield* theMachine
    yield* vm.waitForOpenPort(22)
    return yield* Effect.promise(async () => {
      const { connect } = await import("node:net")
      return new Promise<string>((resolve, reject) => {
        const socket = connect(Number(port), "127.0.0.1")
        socket.once("data", (data) => {
          resolve(data.toString())
          socket.destroy()
        })
        socket.once("error", reject)
      })
    })
  })

  it.effect("has the test's disks, shares, files and ports, and its root disk's size", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* starts, ["vm clone"])
      yield* seen
      const made = yield* (yield* theMachine).succeed("cat /etc/made/by.spec; stat --format=%a /etc/made/by.spec")
      assert.strictEqual(made, "from the spec\n600\n")
      assert.match(yield* greeting, /^SSH-2\.0-/u)
    })
  )

  it.effect("reboots as any machine does: what is on its disks stays as it was, the rest is set up again", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      const before = yield* id
      const boot = yield* text(vm, "cat /proc/sys/kernel/random/boot_id")
      yield* vm.succeed("touch /run/gone; echo changed > /etc/made/by.spec")
      yield* vm.succeed(`mkfs.ext4 -q ${dataDisk}; mount ${dataDisk} /srv; echo on data > /srv/file; umount /srv`)
      yield* vm.reboot()
      assert.notStrictEqual(yield* text(vm, "cat /proc/sys/kernel/random/boot_id"), boot)
      yield* vm.fail("test -e /run/gone")
      assert.strictEqual(yield* vm.succeed(`mount ${dataDisk} /srv && cat /srv/file`), "on data\n")
      assert.strictEqual(yield* vm.succeed("cat /etc/made/by.spec"), "changed\n")
      assert.strictEqual(yield* id, before)
      assert.include(yield* vm.getConsoleLog(), "Linux version")
      assert.isAbove(Number(yield* text(vm, "journalctl -q -b -k | grep -c .")), 100)
      yield* seen
      assert.match(yield* greeting, /^SSH-2\.0-/u)
    })
  )
})

/** Decades in which nobody used the template. */
const decadesMs = 40 * 365 * 24 * 3600 * 1000

const decadesLater = Layer.effect(
  Clock.Clock,
  Effect.map(Clock.Clock, (real): Clock.Clock => {
    const currentTimeMillisUnsafe = () => real.currentTimeMillisUnsafe() + decadesMs
    const currentTimeNanosUnsafe = () => real.currentTimeNanosUnsafe() + BigInt(decadesMs) * 1_000_000n
    return {
      currentTimeMillisUnsafe,
      currentTimeMillis: Effect.sync(currentTimeMillisUnsafe),
      currentTimeNanosUnsafe,
      currentTimeNanos: Effect.sync(currentTimeNanosUnsafe),
      monotonicTimeNanosUnsafe: () => real.monotonicTimeNanosUnsafe(),
      monotonicTimeNanos: real.monotonicTimeNanos,
      sleep: (duration) => real.sleep(duration)
    }
  })
)

layer(Layer.provide(Guests.layer({ machines: { vm: shape } }), decadesLater), options)(
  "a clone made long after",
  (it) => {
    it.effect("has the host's time, far in its template's future, and works on", () =>
      Effect.gen(function* () {
        const vm = yield* theMachine
        const seconds = Number(yield* text(vm, "date +%s"))
        assert.isAbove(seconds, (Date.now() + decadesMs) / 1000 - 60)
        assert.strictEqual(yield* text(vm, "systemctl is-active systemd-journald"), "active")
        assert.isAbove(
          Number(yield* text(vm, "logger -t late here; journalctl --sync; journalctl -q -t late | grep -c .")),
          0
        )
        assert.deepStrictEqual(yield* noticesOf, [])
      })
    )
  }
)

const withoutHotPlug = Guests.layer({
  machines: {
    vm: {
      ...shape,
      start: "auto",
      boot: { kernelArgs: ["acpiphp.disable=1"] },
      shares: { share: { source: path.join(folder, "share"), target: "/mnt/share" } }
    }
  }
})

layer(withoutHotPlug, options)("a machine whose guest has no hot-plug", (it) => {
  it.effect("boots where it needs devices, with one notice; nothing is wrong with its template", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* (yield* theMachine).succeed("cat /mnt/share/from-host"), "read me\n")
      assert.deepStrictEqual(yield* starts, ["vm clone", "vm cold"])
      const notices = yield* noticesOf
      assert.lengthOf(notices, 1)
      assert.match(
        notices[0] ?? "",
        /^booting instead of starting from a template: .* could not be plugged in: its guest found \d of \d virtio devices, and no other one within \d+ s$/u
      )
      const key = yield* Effect.provide(keyOf((yield* Guests).runMachine("vm").plan), runServices)
      const { templates } = yield* Effect.provide(CacheDirectory, CacheDirectory.layer)
      assert.isTrue(fs.existsSync(path.join(templates, key)))
    })
  )
})

/** Root of a cache of the test's own. */
class OwnCache extends Context.Service<OwnCache, string>()("test/OwnCache") {}

/** A machine in a cache of its own, which has a template that harm was done to. */
const withTemplate = (machine: MachineSpecInput, harm: (folder: string) => void) =>
  Layer.unwrap(
    Effect.gen(function* () {
      // The template is there once a machine has started from it.
      const key = yield* Effect.flatMap(Guests, ({ runMachine }) => keyOf(runMachine("vm").plan)).pipe(
        Effect.provide([Guests.layer({ machines: { vm: shape } }), runServices])
      )
      const own = yield* copyTemplate(key)
      harm(own.folder)
      const guests = Guests.layer({ machines: { vm: machine } }, { start: false, cache: own.cache })
      return Layer.merge(guests, Layer.succeed(OwnCache, own.cache))
    })
  )

const templatesIn = Effect.map(OwnCache, (cache) => fs.readdirSync(path.join(cache, "templates")))

const emptyState = withTemplate(shape, (template) =>
  alterTemplate(template, () => {
    fs.rmSync(path.join(template, "state"))
    fs.writeFileSync(path.join(template, "state"), "")
  })
)

const otherMemory = withTemplate({ ...shape, start: "auto" }, (template) =>
  alterTemplate(template, () => {
    fs.truncateSync(path.join(template, "ram"), 0)
    fs.truncateSync(path.join(template, "ram"), 512 * MiB)
  })
)

describe("a template", () => {
  layer(emptyState, options)("with a state that is none", (it) => {
    it.effect("is thrown away, and a machine that must be a clone says why it can't be", () =>
      Effect.gen(function* () {
        const vm = yield* theMachine
        const error = yield* Effect.flip(vm.succeed("true"))
        assert.instanceOf(error, MachineError)
        assert.include(error.message, "vm: starting it from a template")
        assert.deepStrictEqual(yield* templatesIn, [])
      })
    )
  })

  layer(otherMemory, options)("whose guest hangs", (it) => {
    it.effect("is thrown away after a while, and the machine boots, with one notice", () =>
      Effect.gen(function* () {
        const vm = yield* theMachine
        assert.strictEqual(yield* text(vm, "hostname"), "vm")
        assert.deepStrictEqual(yield* starts, ["vm clone", "vm cold"])
        const notices = yield* noticesOf
        assert.lengthOf(notices, 1)
        assert.match(notices[0] ?? "", /^booting instead of starting from a template: /u)
        assert.deepStrictEqual(yield* templatesIn, [])
      })
    )
  })

  layer(
    withTemplate({ ...shape, start: "auto" }, () => {}),
    options
  )("that is deleted while a clone runs", (it) => {
    it.effect("is not missed: the clone goes on, and starts again", () =>
      Effect.gen(function* () {
        const vm = yield* theMachine
        yield* vm.succeed("echo kept > /root/kept; sync")
        const [key = "none"] = yield* templatesIn
        fs.rmSync(path.join(yield* OwnCache, "templates", key), { recursive: true })
        // A program that the template's boot had no use for comes from the disk.
        yield* vm.succeed("find /usr/bin -newer /root/kept; md5sum /usr/bin/perl")
        yield* vm.shutdown()
        yield* vm.start()
        assert.strictEqual(yield* vm.succeed("cat /root/kept"), "kept\n")
        assert.strictEqual(yield* text(vm, "hostname"), "vm")
        assert.deepStrictEqual(yield* starts, ["vm clone", "vm cold"])
        assert.deepStrictEqual(yield* noticesOf, [])
      })
    )
  })
})
