import { assert } from "@effect/vitest"
import { TestFailure } from "@nix-vm-test/core/machine/TestFailure"
import * as Effect from "effect/Effect"
import { type GuestSuite, theMachine } from "../support/guestSuite.ts"

/** The text of one block of evidence. */
const evidence = (failure: unknown, title: string): string => {
  assert.instanceOf(failure, TestFailure)
  return failure.evidence.find((block) => block.title === title)?.text ?? ""
}

/** Writes a service that runs shell code. */
const writeService = (name: string, lines: ReadonlyArray<string>) =>
  Effect.flatMap(theMachine, (vm) =>
    vm.succeed(`cat > /run/systemd/system/${name}.service && systemctl daemon-reload`, {
      stdin: ["[Service]", ...lines, ""].join("\n")
    })
  )

export const unitsSuite: GuestSuite = (it) => {
  it.effect("waits until a unit is active", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      yield* writeService("slow", ["Type=oneshot", "RemainAfterExit=yes", "ExecStart=sleep 1"])
      yield* vm.succeed("systemctl start --no-block slow")
      yield* vm.waitForUnit("slow")
      assert.strictEqual(yield* vm.getUnitProperty("slow.service", "SubState"), "exited")
      yield* vm.waitForUnit("multi-user.target")
    })
  )

  it.effect("ends with status and journal when the unit failed", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      yield* writeService("broken", ["ExecStart=sh -c 'echo the reason is here; exit 42'"])
      yield* vm.succeed("systemctl start broken")
      const failure = yield* Effect.flip(vm.waitForUnit("broken.service"))
      assert.include(failure.message, 'unit "broken.service" reached state "failed"')
      const status = evidence(failure, "systemctl status broken.service")
      assert.include(status, "status=42")
      assert.include(status, "the reason is here")
    })
  )

  it.effect("ends when the unit is inactive and nothing will start it", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      yield* vm.waitUntilSucceeds("systemctl list-jobs | grep 'No jobs'")
      yield* writeService("idle", ["ExecStart=true"])
      const failure = yield* Effect.flip(vm.waitForUnit("idle.service"))
      assert.include(failure.message, 'unit "idle.service" is inactive and there are no pending jobs')
      const unknown = yield* Effect.flip(vm.waitForUnit("never-heard-of.service"))
      assert.include(unknown.message, "is inactive and there are no pending jobs")
      assert.include(evidence(unknown, "systemctl status never-heard-of.service"), "could not be found")
    })
  )

  it.effect("says the state and the status when the time is over", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      yield* writeService("endless", ["Type=oneshot", "ExecStart=sleep 784"])
      yield* vm.succeed("systemctl start --no-block endless")
      const failure = yield* Effect.flip(vm.waitForUnit("endless.service", { timeout: 1 }))
      assert.include(
        failure.message,
        'waited 1 s for unit "endless.service" to become active; last seen: activating (start)'
      )
      assert.include(evidence(failure, "systemctl status endless.service"), "sleep 784")
      yield* vm.succeed("systemctl stop endless")
    })
  )

  it.effect("gives systemctl's answer, starts and stops", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      yield* writeService("steady", ["ExecStart=sleep 785"])
      assert.deepInclude(yield* vm.systemctl("is-active steady"), { exitCode: 3, text: "inactive\n" })
      assert.deepInclude(yield* vm.startJob("steady.service"), { exitCode: 0 })
      yield* vm.requireUnitState("steady.service")
      const failure = yield* Effect.flip(vm.requireUnitState("steady.service", "inactive"))
      assert.include(
        failure.message,
        "Expected unit 'steady.service' to be in state 'inactive' but it is in state 'active'"
      )
      assert.include(evidence(failure, "systemctl status steady.service"), "sleep 785")
      assert.deepInclude(yield* vm.stopJob("steady.service"), { exitCode: 0 })
      yield* vm.requireUnitState("steady.service", "inactive")
      assert.notStrictEqual((yield* vm.startJob("never-heard-of.service")).exitCode, 0)
    })
  )

  it.effect("gives a unit's properties", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      const info = yield* vm.getUnitInfo("systemd-journald.service")
      assert.deepInclude(info, { Id: "systemd-journald.service", ActiveState: "active" })
      assert.isAbove(Object.keys(info).length, 100)
      assert.include(info["ExecStart"], "path=/lib/systemd/systemd-journald ;")
      assert.strictEqual(yield* vm.getUnitProperty("systemd-journald.service", "Type"), "notify")
      const failure = yield* Effect.flip(vm.getUnitProperty("systemd-journald.service", "NoSuchThing"))
      assert.include(failure.message, 'unit "systemd-journald.service" has no property "NoSuchThing"')
    })
  )

  it.effect("asks a user's own manager", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      yield* vm.succeed("useradd --create-home dora && loginctl enable-linger dora")
      yield* vm.waitForUnit(
        "user@$(id -u dora).service".replace("$(id -u dora)", (yield* vm.succeed("id -u dora")).trim())
      )
      const dora = { user: "dora" }
      yield* vm.succeed("XDG_RUNTIME_DIR=/run/user/$(id -u) systemd-run --user --unit=hers sleep 786", dora)
      yield* vm.waitForUnit("hers.service", dora)
      assert.strictEqual(yield* vm.getUnitProperty("hers.service", "ActiveState", dora), "active")
      yield* vm.requireUnitState("hers.service", "inactive")
      assert.deepInclude(yield* vm.stopJob("hers.service", dora), { exitCode: 0 })
      const failure = yield* Effect.flip(vm.waitForUnit("hers.service", dora))
      assert.include(failure.message, "is inactive and there are no pending jobs")
      yield* vm.succeed("loginctl terminate-user dora; loginctl disable-linger dora", { strict: false })
    })
  )
}
