/** Two machines through all their lives, in this order: each test finds them as the one before left them. One is worn out, one dies. */
import { assert, layer } from "@effect/vitest"
import type { Machine } from "@nix-vm-test/core/machine/Machine"
import { MachineError } from "@nix-vm-test/core/machine/MachineError"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Guests } from "../support/Guests.ts"
import { eventsDuring, theMachine } from "../support/guestSuite.ts"

const shape = { image: "debian:12", memory: "512MiB" }
const guests = Guests.layer({ machines: { vm: shape, doomed: shape } }, { start: false })

const theDoomed = Effect.map(Guests, ({ machine }) => machine("doomed"))

const bootId = Effect.flatMap(theMachine, (vm) => vm.succeed("cat /proc/sys/kernel/random/boot_id"))

/** The tag of a machine's error, with the channel's own where that is what failed. */
const tagOf = (error: unknown): string => {
  assert.instanceOf(error, MachineError)
  return error.reason._tag === "ChannelFailed" ? error.reason.cause._tag : error.reason._tag
}

/** A command that is under way; gives its error. */
const inFlight = Effect.fnUntraced(function* (vm: Machine) {
  yield* vm.succeed("rm -f /tmp/under-way")
  const call = yield* Effect.forkChild(Effect.flip(vm.succeed("touch /tmp/under-way; sleep 600")), {
    startImmediately: true
  })
  yield* vm.waitForFile("/tmp/under-way")
  return call
})

layer(guests, { excludeTestServices: true, timeout: "10 minutes" })("the life of a machine", (it) => {
  it.effect("starts when it is first used", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      assert.isFalse(yield* vm.isUp())
      assert.strictEqual(yield* vm.succeed("echo up"), "up\n")
      assert.isTrue(yield* vm.isUp())
      yield* vm.succeed("echo kept > /root/kept; echo gone > /run/gone; sync")
    })
  )

  it.effect("fails calls in flight when its agent is killed, and goes on with the next agent", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      const before = yield* bootId
      const call = yield* inFlight(vm)
      const killing = yield* Effect.exit(vm.succeed("pkill -9 -f '[n]ix-vm-test.*agent'; sleep 600"))
      assert.isTrue(killing._tag === "Failure")
      assert.strictEqual(tagOf(yield* Fiber.join(call)), "AgentRestarted")
      assert.strictEqual(yield* vm.succeed("cat /run/gone"), "gone\n")
      assert.strictEqual(yield* bootId, before)
    })
  )

  it.effect("reboots: the disk stays, the boot is another, calls in flight fail", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      const before = yield* bootId
      const call = yield* inFlight(vm)
      const reboots = yield* eventsDuring("MachineRebooted", vm.reboot())
      assert.lengthOf(reboots, 1)
      assert.strictEqual(tagOf(yield* Fiber.join(call)), "GuestRebooted")
      assert.notStrictEqual(yield* bootId, before)
      assert.strictEqual(yield* vm.succeed("cat /root/kept"), "kept\n")
      yield* vm.fail("test -e /run/gone")
    })
  )

  it.effect("follows a guest that reboots by itself", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      const before = yield* bootId
      const call = yield* inFlight(vm)
      yield* vm.succeed("systemd-run --on-active=1 --timer-property=AccuracySec=100ms systemctl reboot")
      assert.strictEqual(tagOf(yield* Fiber.join(call)), "GuestRebooted")
      assert.notStrictEqual(yield* bootId, before)
      assert.isTrue(yield* vm.isUp())
    })
  )

  it.effect("shuts down, says so to whoever uses it then, and starts again with its disk", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      const before = yield* bootId
      const boots = Effect.map(vm.getConsoleLog(), (text) => [...text.matchAll(/\] Linux version/g)].length)
      const bootsBefore = yield* boots
      const call = yield* inFlight(vm)
      const stopped = yield* eventsDuring("MachineStopped", vm.shutdown())
      assert.strictEqual(tagOf(yield* Fiber.join(call)), "NotRunning")
      assert.deepInclude(stopped[0], { machine: "vm", how: "shut down (graceful)" })
      assert.isFalse(yield* vm.isUp())
      for (const use of [
        vm.succeed("true"),
        vm.waitForUnit("multi-user.target"),
        vm.waitForFile("/etc/hostname"),
        vm.copyFromHost(import.meta.filename, "/root/x"),
        vm.waitForConsoleText("anything"),
        vm.forwardPort(80),
        vm.reboot()
      ]) {
        const error = yield* Effect.flip(use)
        assert.strictEqual(tagOf(error), "NotRunning")
        assert.strictEqual(error.message, "vm: the machine is off; start() it first")
      }
      yield* vm.shutdown()
      yield* vm.crash()
      yield* vm.waitForShutdown()
      yield* vm.start()
      yield* vm.start()
      assert.notStrictEqual(yield* bootId, before)
      assert.strictEqual(yield* vm.succeed("cat /root/kept"), "kept\n")
      assert.strictEqual(yield* boots, bootsBefore + 1)
    })
  )

  it.effect("notices at once that the guest powers itself off", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      const waiting = yield* Effect.forkChild(Effect.flip(vm.waitForFile("/never")), { startImmediately: true })
      const watching = yield* Effect.forkChild(vm.waitForShutdown(), { startImmediately: true })
      const error = yield* Effect.flip(vm.succeed("systemctl poweroff; sleep 600"))
      assert.strictEqual(tagOf(error), "GuestPoweredOff")
      assert.strictEqual(error.message, "vm: the guest powered itself off")
      assert.strictEqual(tagOf(yield* Fiber.join(waiting)), "GuestPoweredOff")
      yield* Fiber.join(watching)
      assert.isFalse(yield* vm.isUp())
      assert.strictEqual(tagOf(yield* Effect.flip(vm.succeed("true"))), "NotRunning")
    })
  )

  it.effect("ends every wait at once when the kernel panics, with its words", () =>
    Effect.gen(function* () {
      const vm = yield* theDoomed
      yield* vm.start()
      const waits = yield* Effect.forEach(
        [vm.waitForFile("/never"), vm.waitUntilSucceeds("false"), vm.waitForConsoleText("never said")],
        (wait) => Effect.forkChild(Effect.flip(wait), { startImmediately: true })
      )
      const died = yield* eventsDuring(
        "MachineDied",
        Effect.flip(vm.succeed("echo c > /proc/sysrq-trigger; sleep 600"))
      )
      assert.lengthOf(died, 1)
      assert.include(died[0]?.reason, "Kernel panic - not syncing: sysrq triggered crash")
      for (const wait of waits) {
        const error = yield* Fiber.join(wait)
        assert.strictEqual(tagOf(error), "GuestCrashed")
        assert.include(error.message, "doomed: the guest's kernel panicked: ")
        assert.include(error.message, "Kernel panic - not syncing: sysrq triggered crash")
        assert.match(error.evidence.find(({ title }) => title === "console")?.text ?? "", /Kernel panic/)
      }
      assert.isFalse(yield* vm.isUp())
      assert.strictEqual(tagOf(yield* Effect.flip(vm.succeed("true"))), "GuestCrashed")
    })
  )

  it.effect("starts again after its death, and says how QEMU ended when it is killed during a command", () =>
    Effect.gen(function* () {
      const vm = yield* theDoomed
      yield* vm.start()
      const call = yield* inFlight(vm)
      const waiting = yield* Effect.forkChild(Effect.flip(vm.waitForConsoleText("never said")), {
        startImmediately: true
      })
      const { power } = (yield* Guests).runMachine("doomed")
      const pid = (yield* power.current)?.process.pid
      if (pid === undefined) return yield* Effect.die("the machine has no process")
      process.kill(pid, "SIGKILL")
      for (const fiber of [call, waiting]) {
        const error = yield* Fiber.join(fiber)
        assert.strictEqual(tagOf(error), "QemuDied")
        assert.include(error.message, "doomed: QEMU ended: killed by SIGKILL")
      }
      assert.isFalse(yield* vm.isUp())
    })
  )
})
