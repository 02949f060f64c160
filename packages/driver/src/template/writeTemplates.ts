/** `nix-vm-test template make`: boots what is to be started from later, and writes it to a folder. */
import * as path from "node:path"
import { EventBus } from "@nix-vm-test/core/events/EventBus"
import { shipTemplates } from "@nix-vm-test/core/run/shipTemplates"
import { UsageError } from "@nix-vm-test/core/run/UsageError"
import { decodeSpec } from "@nix-vm-test/core/spec/decodeSpec"
import { followEvents } from "@nix-vm-test/report/followEvents"
import { makeTerminalReport } from "@nix-vm-test/report/Terminal"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { runServices } from "../run/services.ts"
import { loadTest } from "../script/loadTest.ts"
import { shellSpec, type ShellOptions } from "../shell/shellSpec.ts"
import { wantsColor } from "../wantsColor.ts"

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

/** Shows on stderr what goes on until a notice of this text. */
const showProgress = Effect.fnUntraced(function* (last: string) {
  const bus = yield* EventBus
  const report = makeTerminalReport({
    color: wantsColor(process.stderr, { noColor: false }),
    interactive: process.stderr.isTTY,
    console: "none",
    secrets: [],
    width: process.stderr.columns ?? 100,
    write: (text) => void process.stderr.write(text)
  })
  const events = (yield* bus.subscribe).pipe(
    Stream.takeUntil((event) => event._tag === "Notice" && event.text === last)
  )
  const shown = yield* Effect.forkScoped(followEvents({ report, events }), { startImmediately: true })
  return { finish: Effect.andThen(bus.publish({ _tag: "Notice", topic: "image", text: last }), Fiber.join(shown)) }
})

/** Makes and writes the templates; prints the folder of each. */
export const writeTemplates = Effect.fn("driver.writeTemplates")(function* (options: WriteTemplatesOptions) {
  const { spec, baseDirectory } = yield* isTestFile(options.target) ? specOfTest(options) : specOfImage(options)
  const folder = path.resolve(options.output)
  const written = yield* Effect.gen(function* () {
    const progress = yield* showProgress(`templates written to ${folder}`)
    const shipped = yield* shipTemplates({ spec, baseDirectory, folder })
    yield* progress.finish
    return shipped
  }).pipe(Effect.scoped, Effect.provide(runServices))
  yield* Effect.forEach(written, (shipped) => Console.log(`${shipped.folder}: ${shipped.title}`), { discard: true })
})
