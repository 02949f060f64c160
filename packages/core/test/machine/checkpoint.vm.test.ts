/**
 * Checkpoints of a clone with a share and a second disk, and of a machine that booted beside it. Each test goes on from what the one before
 * left.
 */
import * as net from "node:net"
import * as path from "node:path"
import { assert, layer } from "@effect/vitest"
import { EventBus } from "@nix-vm-test/core/events/EventBus"
import type { Machine } from "@nix-vm-test/core/machine/Machine"
import { MachineError } from "@nix-vm-test/core/machine/MachineError"
import { Steps } from "@nix-vm-test/core/machine/Steps"
import { TestFailure } from "@nix-vm-test/core/machine/TestFailure"
import { defineTest } from "@nix-vm-test/core/script/defineTest"
import { runScript } from "@nix-vm-test/core/script/runScript"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Guests } from "../support/Guests.ts"
import { eventsDuring, theMachine } from "../support/guestSuite.ts"

const guests = Guests.layer({
  machines: {
    vm: {
      image: "debian:12",
      memory: "512MiB",
      start: "clone",
      disks: { data: { size: "64MiB" } },
      shares: { here: { source: path.dirname(import.meta.filename), target: "/mnt/here", readOnly: true } }
    },
    other: { image: "debian:12", memory: "512MiB", start: "cold" }
  }
})

const theOther = Effect.map(Guests, ({ machine }) => machine("other"))

const tagOf = (error: unknown): string => {
  if (error instanceof TestFailure) return error.reason._tag
  assert.instanceOf(error, MachineError)
  return error.reason._tag === "ChannelFailed" ? error.reason.cause._tag : error.reason._tag
}

/** Memory and disk in one line. */
const mark = (vm: Machine, text: string) => vm.succeed(`echo ${text} > /run/marker; echo ${text} > /root/marker`)
const marks = (vm: Machine) => vm.succeed("cat /run/marker /root/marker")

const bootId = (vm: Machine) => vm.succeed("cat /proc/sys/kernel/random/boot_id")
const uptime = (vm: Machine) => Effect.map(vm.succeed("cut -d' ' -f1 /proc/uptime"), Number)

/** A service that counts in memory. */
const counting = `systemd-run --unit counter bash -c 'while :; do echo $((++n)) > /run/count.new; mv /run/count.new /run/count; sleep 0.05; done'`

const dataDisk = "/dev/disk/by-id/virtio-data"
const writeData = (vm: Machine, text: string) =>
  vm.succeed(`printf %-4096s ${text} | dd of=${dataDisk} bs=4096 oflag=direct status=none`)
const readData = (vm: Machine) => vm.succeed(`dd if=${dataDisk} bs=4096 count=1 iflag=direct status=none | tr -d ' '`)

/** The first bytes of an SSH server's greeting. */
const greeting = (port: number) =>
  Effect.callback<string, Error>((resume) => {
    const socket = net.connect(port, "127.0.0.1")
    socket.once("data", (bytes) => resume(Effect.succeed(bytes.subarray(0, 4).toString())))
    socket.once("error", (error) => resume(Effect.fail(error)))
    return Effect.sync(() => socket.destroy())
  })

/** A command that is under way; gives its error. */
const inFlight = Effect.fnUntraced(function* (vm: Machine) {
  yield* vm.succeed("rm -f /tmp/under-way")
  const call = yield* Effect.forkChild(Effect.flip(vm.succeed("touch /tmp/under-way; sleep 600")), {
    startImmediately: true
  })
  yield* vm.waitForFile("/tmp/under-way")
  return call
})

layer(guests, { excludeTestServices: true, timeout: "10 minutes" })("checkpoints", (it) => {
  it.effect("bring memory, disks, processes, time and shares back, as often as wanted", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      const other = yield* theOther
      const { runMachine } = yield* Guests
      assert.strictEqual((yield* runMachine("vm").power.current)?.start, "clone")
      const { port } = yield* vm.forwardPort(22)
      for (const machine of [vm, other]) {
        yield* mark(machine, "before")
        yield* machine.succeed(counting)
        yield* machine.waitForFile("/run/count")
      }
      yield* writeData(vm, "before")
      const started = yield* eventsDuring("StepStarted", Effect.all([vm.checkpoint(), other.checkpoint()]))
      assert.includeMembers(
        started.map(({ title }) => title),
        ["checkpoint"]
      )
      const [checkpoint, othersCheckpoint] = [yield* vm.checkpoint(), yield* other.checkpoint()]
      assert.deepEqual(checkpoint, { machine: "vm", number: 2 })
      for (const round of ["first", "second"]) {
        for (const machine of [vm, other]) {
          yield* mark(machine, round)
          yield* machine.succeed(`touch /root/${round}; sync; systemctl stop counter; rm /run/count`)
        }
        yield* writeData(vm, round)
        yield* vm.sleep(6)
        const uptimes = [yield* uptime(vm), yield* uptime(other)] as const
        yield* vm.restore(checkpoint)
        assert.isBelow(yield* uptime(vm), uptimes[0])
        yield* other.restore(othersCheckpoint)
        assert.isBelow(yield* uptime(other), uptimes[1])
        for (const machine of [vm, other]) {
          assert.strictEqual(yield* marks(machine), "before\nbefore\n")
          yield* machine.fail("ls /root/first /root/second")
          const count = yield* machine.succeed("cat /run/count")
          yield* machine.waitUntilSucceeds(`[ $(cat /run/count) -gt ${count.trim()} ]`)
          assert.closeTo(Number(yield* machine.succeed("date +%s")), Date.now() / 1000, 30)
        }
        assert.strictEqual(yield* readData(vm), "before")
        assert.strictEqual(yield* vm.succeed("ls /mnt/here | grep ^checkpoint"), "checkpoint.vm.test.ts\n")
        assert.strictEqual(yield* greeting(port), "SSH-")
      }
    })
  )

  it.effect("are refused while something is asked of the guest, or uses a share", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      const call = yield* inFlight(vm)
      const busy = yield* Effect.flip(vm.checkpoint())
      assert.strictEqual(
        busy.message,
        "vm: a checkpoint can't be made while something is asked of the guest; in flight: touch /tmp/under-way; sleep 600"
      )
      assert.strictEqual(tagOf(busy), "NotPossible")
      yield* Fiber.interrupt(call)
      yield* vm.succeed("systemd-run --unit squatter --service-type=exec --working-directory /mnt/here sleep 600")
      const squatted = yield* Effect.flip(vm.checkpoint())
      assert.include(squatted.message, "vm: a checkpoint can't be made while a share is in use: umount: /mnt/here")
      yield* vm.succeed("systemctl stop squatter; umount /mnt/here; mount -t 9p -o trans=virtio here /srv")
      const foreign = yield* Effect.flip(vm.checkpoint())
      assert.strictEqual(tagOf(foreign), "MonitorRefused")
      assert.include(foreign.message, "mount_tag 'here'")
      yield* vm.succeed("umount /srv")
      yield* vm.checkpoint()
    })
  )

  it.effect("fail calls in flight when they are restored, and leave nothing of them", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      const checkpoint = yield* vm.checkpoint()
      const calls = [
        yield* inFlight(vm),
        yield* Effect.forkChild(Effect.flip(vm.succeed("cat /dev/zero | head -c 30M")), { startImmediately: true }),
        yield* Effect.forkChild(Effect.flip(vm.succeed("cat > /root/late", { stdin: new Uint8Array(30_000_000) })), {
          startImmediately: true
        })
      ]
      yield* vm.restore(checkpoint)
      for (const call of calls) {
        const error = yield* Fiber.join(call)
        assert.strictEqual(tagOf(error), "GuestRestored")
        assert.strictEqual(error.message, "vm: the guest was restored to a checkpoint while the call ran")
      }
      yield* vm.fail("ls /root/late || pgrep -f '[s]leep 600'")
    })
  )

  it.effect("of all machines are made, and restored, at one instant", () =>
    Effect.gen(function* () {
      const machines = { vm: yield* theMachine, other: yield* theOther }
      const { body } = defineTest({
        machines: { vm: { image: "debian:12" }, other: { image: "debian:12" } },
        async script({ vm, other, checkpointAll, restoreAll }) {
          const both = [vm, other]
          const markAll = (text: string) =>
            Promise.all(both.map((machine) => machine.succeed(`echo ${text} | tee /run/marker > /root/marker`)))
          const marksOfAll = () => Promise.all(both.map((machine) => machine.succeed("cat /run/marker /root/marker")))
          await markAll("together")
          const checkpoints = await checkpointAll()
          assert.deepEqual(
            checkpoints.map(({ machine }) => machine),
            ["vm", "other"]
          )
          await markAll("later")
          await restoreAll(checkpoints)
          assert.deepEqual(await marksOfAll(), ["together\ntogether\n", "together\ntogether\n"])
          // One that can't be saved leaves none of them standing.
          {
            await using sleeping = await other.spawn("sleep 600")
            assert.isAbove(sleeping.pid, 0)
            const error: unknown = await checkpointAll().catch((reason: unknown) => reason)
            assert.strictEqual(tagOf(error), "NotPossible")
          }
          assert.deepEqual(await marksOfAll(), ["together\ntogether\n", "together\ntogether\n"])
          const twice: unknown = await restoreAll([...checkpoints, ...checkpoints]).catch((reason: unknown) => reason)
          assert.include(String(twice), "two checkpoints of vm can't be restored at once")
          const own = await vm.checkpoint()
          await vm.succeed("rm /run/marker")
          await vm.restore(own)
          await vm.succeed("ls /run/marker")
        }
      })
      yield* runScript({ body, machines, bus: yield* EventBus, steps: yield* Steps })
    })
  )

  it.effect("of before a reboot bring the old boot back", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      yield* mark(vm, "old")
      const before = yield* bootId(vm)
      const old = yield* vm.checkpoint()
      yield* vm.reboot()
      const after = yield* bootId(vm)
      assert.notStrictEqual(after, before)
      const young = yield* vm.checkpoint()
      const reboots = yield* eventsDuring("MachineRebooted", vm.restore(old))
      assert.lengthOf(reboots, 0)
      assert.strictEqual(yield* bootId(vm), before)
      assert.strictEqual(yield* marks(vm), "old\nold\n")
      yield* vm.restore(young)
      assert.strictEqual(yield* bootId(vm), after)
      yield* vm.fail("test -e /run/marker")
      yield* vm.succeed("ls /mnt/here/checkpoint.vm.test.ts")
    })
  )

  it.effect("are their machine's alone, and end when it stops", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      const other = yield* theOther
      const checkpoint = yield* vm.checkpoint()
      const failure = (effect: Effect.Effect<unknown, { readonly message: string }>) =>
        Effect.map(Effect.flip(effect), ({ message }) => message)
      assert.strictEqual(yield* failure(other.restore(checkpoint)), "other: the checkpoint is one of the machine vm")
      assert.strictEqual(
        yield* failure(vm.restore({ machine: "vm", number: 99 })),
        "vm: this run has made no such checkpoint"
      )
      yield* vm.crash()
      assert.strictEqual(yield* failure(vm.restore(checkpoint)), "vm: the machine is off; start() it first")
      assert.strictEqual(yield* failure(vm.checkpoint()), "vm: the machine is off; start() it first")
      // A boot need not be over for that.
      yield* Effect.forkChild(vm.start(), { startImmediately: true })
      assert.strictEqual(
        yield* failure(vm.restore(checkpoint)),
        "vm: the checkpoint ended when the machine was stopped"
      )
    })
  )
})
