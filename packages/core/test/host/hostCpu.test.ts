import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, it } from "@effect/vitest"
import { hostCpu, parseCpu } from "@nix-vm-test/core/host/hostCpu"
import * as Effect from "effect/Effect"

const cpuInfo = (numbers: { readonly processor: number; readonly mhz: string; readonly flags: string }): string =>
  [
    `processor\t: ${numbers.processor}`,
    "vendor_id\t: GenuineIntel",
    "model name\t: A Processor",
    `cpu MHz\t\t: ${numbers.mhz}`,
    `flags\t\t: ${numbers.flags}`,
    `bogomips\t: ${numbers.mhz}`
  ].join("\n")

it("a processor is told by its model and features, not by its number and speed", () => {
  const one = cpuInfo({ processor: 0, mhz: "2400.0", flags: "fpu sse2" })
  const same = `${cpuInfo({ processor: 0, mhz: "3100.5", flags: "fpu sse2" })}\n\n${one}\n\n`
  assert.strictEqual(parseCpu(same), parseCpu(one))
  assert.include(parseCpu(one), "A Processor")
  assert.notStrictEqual(parseCpu(cpuInfo({ processor: 0, mhz: "2400.0", flags: "fpu sse2 avx" })), parseCpu(one))
})

it.effect("this host's is the same each time", () =>
  Effect.gen(function* () {
    const first = yield* hostCpu
    assert.match(first, /^(?:flags|Features)\s*:/mu)
    assert.strictEqual(yield* hostCpu, first)
  }).pipe(Effect.provide(NodeServices.layer))
)
