/** The choice between KVM and TCG, with its reason in one line. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { KvmProbe, type KvmVerdict } from "./KvmProbe.ts"
import { QemuError } from "./QemuError.ts"

/** As users ask for it: `auto` takes KVM only where it was seen to work. */
export type AcceleratorRequest = "auto" | "kvm" | "tcg"

export interface AcceleratorChoice {
  readonly accelerator: "kvm" | "tcg"
  /** One plain line. */
  readonly why: string
}

export interface AcceleratorShape {
  /** Fails as `NoKvm` when KVM was asked for and can't be had. `tcg` looks at nothing. */
  readonly choose: (request: AcceleratorRequest) => Effect.Effect<AcceleratorChoice, QemuError>
  /** A guest died of KVM: later choices, in later runs too, count it as broken until the host boots again. */
  readonly markBroken: (seen: string) => Effect.Effect<void>
}

const describe = (verdict: Exclude<KvmVerdict, { readonly _tag: "Usable" }>): string =>
  verdict._tag === "Broken"
    ? `KVM is here but does not work: ${verdict.seen}`
    : `no KVM: ${verdict.detail}${verdict.hint === undefined ? "" : `; to mend it: ${verdict.hint}`}`

const noKvm = (verdict: Exclude<KvmVerdict, { readonly _tag: "Usable" }>): QemuError =>
  new QemuError({
    reason:
      verdict._tag === "Broken"
        ? { _tag: "NoKvm", verdict: "broken", reason: verdict.seen }
        : {
            _tag: "NoKvm",
            verdict: "absent",
            reason: verdict.detail,
            ...(verdict.hint === undefined ? {} : { hint: verdict.hint })
          }
  })

export class Accelerator extends Context.Service<Accelerator, AcceleratorShape>()("@nix-vm-test/core/Accelerator") {
  static readonly layer = Layer.effect(
    Accelerator,
    Effect.gen(function* () {
      const probe = yield* KvmProbe
      const choose = Effect.fn("Accelerator.choose")(function* (
        request: AcceleratorRequest
      ): Effect.fn.Return<AcceleratorChoice, QemuError> {
        if (request === "tcg") return { accelerator: "tcg", why: "TCG was asked for" }
        const verdict = yield* probe.verdict
        if (verdict._tag === "Usable") return { accelerator: "kvm", why: "KVM works here: the probe ran under it" }
        if (request === "kvm") return yield* noKvm(verdict)
        return { accelerator: "tcg", why: describe(verdict) }
      })
      return Accelerator.of({ choose, markBroken: probe.markBroken })
    })
  )
}
