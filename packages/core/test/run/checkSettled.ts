import * as net from "node:net"
import { assert } from "@effect/vitest"
import type { RunMachine } from "@nix-vm-test/core/run/RunMachine"
import * as Effect from "effect/Effect"

/** The first line that a server says. */
const greeting = (address: { readonly host: string; readonly port: number }) =>
  Effect.callback<string>((resume) => {
    const socket = net.connect(address)
    socket.once("data", (chunk) => resume(Effect.succeed(chunk.toString())))
    socket.once("error", (error) => resume(Effect.die(error)))
    return Effect.sync(() => socket.destroy())
  })

/** A guest that lacks nothing a test may expect of it, whichever way the agent came. */
export const checkSettled = Effect.fnUntraced(function* ({ machine: vm, plan }: RunMachine) {
  const state = yield* vm.exec("systemctl is-system-running --wait", { strict: false, timeout: "5 minutes" })
  const failed = yield* vm.succeed("systemctl list-units --failed --plain --no-legend")
  assert.deepStrictEqual([failed, state.text.trim()], ["", "running"])
  assert.match(yield* vm.succeed("getent shadow root"), /^root::/u)
  assert.match(yield* vm.succeed("cloud-init status 2>&1 || true"), /status: disabled/u)
  const { slowUnits } = plan.image.facts
  const states = yield* vm.exec(["systemctl", "is-enabled", ...slowUnits])
  assert.strictEqual(states.text, slowUnits.map(() => "masked\n").join(""))
  assert.strictEqual((yield* vm.succeed("cat /etc/machine-id")).length, 33)
  // By its address and its way out the driver's NIC is reached from the host, and sshd answers with its keys.
  assert.include(yield* vm.succeed("ip -4 -brief address"), "10.0.2.15/24")
  yield* vm.waitForOpenPort(22)
  assert.match(yield* greeting(yield* vm.forwardPort(22)), /^SSH-2\.0-/u)
})
