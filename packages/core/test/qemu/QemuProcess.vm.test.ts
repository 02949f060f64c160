import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import { queryStatus } from "@nix-vm-test/core/qemu/Qmp"
import type { QemuProcess } from "@nix-vm-test/core/qemu/QemuProcess"
import { nodeChild } from "../host/nodeChild.ts"
import { awaitGone, processState } from "../host/processState.ts"
import { emptyMachine, realHost, startQemu } from "./emptyMachine.ts"

/** A real machine that never leaves its firmware: nothing to boot from. */
const pc = ["-M", "pc", "-accel", "tcg", "-m", "16", "-nodefaults", "-no-user-config", "-display", "none", "-S"]

const freeze = (qemu: QemuProcess) => Effect.sync(() => process.kill(qemu.pid, "SIGSTOP"))

layer(realHost, { excludeTestServices: true })("QemuProcess", (it) => {
  it.effect("answers, waits to be told to run, and is gone with its Scope, without a zombie", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const qemu = yield* Scope.provide(startQemu(pc), scope)
      assert.strictEqual((yield* queryStatus(qemu.qmp)).status, "prelaunch")
      yield* qemu.qmp.execute("cont")
      assert.isTrue((yield* queryStatus(qemu.qmp)).running)
      yield* Scope.close(scope, Exit.void)
      assert.isUndefined(processState(qemu.pid))
      assert.deepStrictEqual(yield* qemu.exited, { code: 0, signal: undefined, stderrTail: "" })
    })
  )
  it.effect("an early end is told at once, with code and words", () =>
    Effect.gen(function* () {
      const { reason } = yield* Effect.flip(startQemu([...emptyMachine, "-device", "no-such-device"]))
      assert.deepInclude(reason, { _tag: "ExitedEarly", machine: "vm0", exitCode: 1 })
      assert.include(
        reason._tag === "ExitedEarly" ? reason.stderrTail : "",
        "'no-such-device' is not a valid device model name"
      )
    })
  )
  it.effect("an end that nobody asked for completes `exited`, with the signal", () =>
    Effect.gen(function* () {
      const qemu = yield* startQemu(emptyMachine)
      process.kill(qemu.pid, "SIGSEGV")
      assert.strictEqual((yield* qemu.exited).signal, "SIGSEGV")
      assert.strictEqual((yield* Effect.flip(qemu.qmp.execute("query-status"))).reason._tag, "QmpClosed")
      assert.strictEqual(yield* qemu.stop(), "ended")
    })
  )
  it.effect("the caller's graceful way comes first", () =>
    Effect.gen(function* () {
      const qemu = yield* startQemu(emptyMachine)
      assert.strictEqual(yield* qemu.stop({ graceful: qemu.qmp.execute("quit") }), "graceful")
    })
  )
  it.effect("a guest that does not run is not asked by its power button", () =>
    Effect.gen(function* () {
      const qemu = yield* startQemu(emptyMachine)
      // With the limits of a whole day only a skipped rung lets this test end.
      const limits = { graceful: 86_400_000, acpi: 86_400_000 }
      assert.strictEqual(yield* qemu.stop({ graceful: Effect.fail("no agent"), limits }), "quit")
    })
  )
  it.effect("a running guest's power button is pressed, and its limit kept when nothing comes of it", () =>
    Effect.gen(function* () {
      const heard: Array<string> = []
      const qemu = yield* startQemu(pc, { onEvent: ({ event }) => void heard.push(event) })
      yield* qemu.qmp.execute("cont")
      assert.strictEqual(yield* qemu.stop({ limits: { acpi: 300 } }), "quit")
      assert.include(heard, "POWERDOWN")
    })
  )
  it.effect("a QEMU that does not react is killed", () =>
    Effect.gen(function* () {
      const qemu = yield* startQemu(emptyMachine)
      yield* freeze(qemu)
      assert.strictEqual(yield* qemu.stop({ limits: { acpi: 50, quit: 50, terminate: 50 } }), "kill")
      assert.deepInclude(yield* qemu.exited, { signal: "SIGKILL" })
    })
  )
  it.effect("a Scope that closes by interruption ends a QEMU that does not react", () =>
    Effect.gen(function* () {
      let pid = 0
      const running = yield* Effect.forkChild(
        Effect.gen(function* () {
          const qemu = yield* startQemu(emptyMachine)
          yield* freeze(qemu)
          pid = qemu.pid
          return yield* Effect.never
        }).pipe(Effect.scoped)
      )
      yield* Effect.suspend(() => Effect.sleep("10 millis")).pipe(Effect.repeat({ until: () => pid !== 0 }))
      yield* Fiber.interrupt(running)
      assert.isUndefined(processState(pid))
    })
  )
  it.effect("a stop that the driver asked for is no internal error", () =>
    Effect.gen(function* () {
      const qemu = yield* startQemu(emptyMachine)
      yield* qemu.qmp.execute("cont")
      yield* qemu.qmp.execute("stop")
      yield* queryStatus(qemu.qmp)
      assert.isTrue(Option.isNone(yield* Effect.timeoutOption(qemu.internalError, "200 millis")))
    })
  )
  it.effect("a driver that is killed takes QEMU along", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* fs.makeTempDirectoryScoped()
      const driver = yield* nodeChild({ script: new URL("./children/holdQemu.ts", import.meta.url), args: [directory] })
      const pid = Number(driver.line)
      assert.isDefined(processState(pid))
      yield* driver.kill
      yield* awaitGone(pid)
    })
  )
})
