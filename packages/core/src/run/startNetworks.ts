/** Switches for a test's networks, and a port of each for every machine's place in it. */
import * as Effect from "effect/Effect"
import { EventBus } from "../events/EventBus.ts"
import { makeNetworkSwitch } from "../net/NetworkSwitch.ts"
import type { TestPlan } from "../plan/TestPlan.ts"

/** Starts the switches; they end with the Scope. Their ports wait for the machines, and for each start of them anew. */
export const startNetworks = Effect.fn("run.startNetworks")(function* (plan: TestPlan) {
  const bus = yield* EventBus
  const networkSwitch = yield* makeNetworkSwitch({
    onOutOfStep: (network, port, detail) =>
      bus.publishUnsafe({
        _tag: "Log",
        level: "warning",
        machine: port,
        text: `network ${network}: QEMU sent ${detail}; its NIC is connected anew`
      })
  })
  for (const { name, number } of plan.networks) {
    yield* networkSwitch.order({ _tag: "AddNetwork", network: name, seed: number })
  }
  for (const { name, nics } of plan.machines) {
    for (const { network, socket } of nics) {
      yield* networkSwitch.order({ _tag: "AddPort", network, port: name, socket })
    }
  }
  return networkSwitch
})
