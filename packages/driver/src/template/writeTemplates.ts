/** `nix-vm-test template make`: boots what is to be started from later, and writes it to a folder. */
import * as path from "node:path"
import { EventBus } from "@nix-vm-test/core/events/EventBus"
import { shipTemplates } from "@nix-vm-test/core/run/shipTemplates"
import { UsageError } from "@nix-vm-test/core/run/UsageError"
import { decodeSpec } from "@nix-vm-test/core/spec/decodeSpec"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { withProgress } from "../report/withProgress.ts"
import { runServices } from "../run/services.ts"
import { loadTest } from "../script/loadTest.ts"
import { shellSpec, type ShellOptions } from "../shell/shellSpec.ts"

export interface WriteTemplatesOptions extends Pick<ShellOptions, "version" | "memory" | "cpus"> {
  /** A distribution, a disk image, or a test or spec file. */
  readonly target: string
  readonly output: string
  readonly accel: Option.Option<"auto" | "kvm" | "tcg">
}

const isTestFile = (target: string): boolean => /\.(?:[cm]?[jt]s|tsx|json|py)$/u.test(target)

const specOfTest = Effect.fnUntraced(function* ({ target, version, memory, cpus, accel }: WriteTemplatesOptions) {
  if (Option.isSome(version) || Option.isSome(memory) || Option.isSome(cpus)) {
    return yield* new UsageError({ text: `${target} says itself what its machines are`, hint: "leave the rest out" })
  }
  const { spec, baseDirectory } = yield* loadTest(target)
  return { baseDirectory, spec: { ...spec, accel: Option.getOrElse(accel, () => spec.accel) } }
})

const specOfImage = Effect.fnUntraced(function* (options: WriteTemplatesOptions) {
  const accel = Option.getOrElse(options.accel, () => "auto" as const)
  const written = shellSpec({ ...options, accel, distribution: options.target, diskSize: Option.none(), share: [] })
  const spec = yield* Effect.fromResult(
    decodeSpec({ spec: yield* Effect.fromResult(written), origin: "nix-vm-test template make" })
  )
  return { baseDirectory: process.cwd(), spec }
})

/** Makes and writes the templates; prints the folder of each. */
export const writeTemplates = Effect.fn("driver.writeTemplates")(function* (options: WriteTemplatesOptions) {
  const { spec, baseDirectory } = yield* isTestFile(options.target) ? specOfTest(options) : specOfImage(options)
  const folder = path.resolve(options.output)
  const written = yield* Effect.gen(function* () {
    const bus = yield* EventBus
    const text = `templates written to ${folder}`
    const shipping = shipTemplates({ spec, baseDirectory, folder })
    return yield* withProgress(Effect.tap(shipping, () => bus.publish({ _tag: "Notice", topic: "image", text })))
  }).pipe(Effect.provide(runServices))
  yield* Effect.forEach(written, (shipped) => Console.log(`${shipped.folder}: ${shipped.title}`), { discard: true })
})
