import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Accelerator, type AcceleratorRequest } from "@nix-vm-test/core/qemu/Accelerator"
import { KvmProbe, type KvmVerdict } from "@nix-vm-test/core/qemu/KvmProbe"

const absent: KvmVerdict = { _tag: "Absent", reason: "noPermission", detail: "this user may not", hint: "join kvm" }
const broken: KvmVerdict = { _tag: "Broken", seen: "it crawls" }

const choose = (request: AcceleratorRequest, verdict: Effect.Effect<KvmVerdict>) =>
  Accelerator.use((accelerator) => accelerator.choose(request)).pipe(
    Effect.provide(
      Accelerator.layer.pipe(Layer.provide(Layer.succeed(KvmProbe, { verdict, markBroken: () => Effect.void })))
    )
  )

describe("Accelerator", () => {
  it.effect("auto takes KVM where it works, TCG elsewhere, and says why in one line", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* choose("auto", Effect.succeed({ _tag: "Usable" }))).accelerator, "kvm")
      assert.deepStrictEqual(yield* choose("auto", Effect.succeed(absent)), {
        accelerator: "tcg",
        why: "no KVM: this user may not; to mend it: join kvm"
      })
      assert.deepStrictEqual(yield* choose("auto", Effect.succeed(broken)), {
        accelerator: "tcg",
        why: "KVM is here but does not work: it crawls"
      })
    })
  )
  it.effect("tcg looks at nothing", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* choose("tcg", Effect.die("looked"))).accelerator, "tcg")
    })
  )
  it.effect("kvm is had or refused, never replaced", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* choose("kvm", Effect.succeed({ _tag: "Usable" }))).accelerator, "kvm")
      const noPermission = yield* Effect.flip(choose("kvm", Effect.succeed(absent)))
      assert.deepStrictEqual(noPermission.reason, {
        _tag: "NoKvm",
        verdict: "absent",
        reason: "this user may not",
        hint: "join kvm"
      })
      assert.strictEqual(noPermission.message, "KVM was asked for, but is absent: this user may not\njoin kvm")
      const crawling = yield* Effect.flip(choose("kvm", Effect.succeed(broken)))
      assert.deepStrictEqual(crawling.reason, { _tag: "NoKvm", verdict: "broken", reason: "it crawls" })
    })
  )
})
