/**
 * Finds out whether KVM works by running code under it: a device node that opens proves nothing.
 *
 * What running showed is remembered for the host's boot, the QEMU binary and KVM's parameters.
 */
import { createHash } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"
import { availableParallelism } from "node:os"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as Schema from "effect/Schema"
import { ChildProcesses, type ProcessOutput } from "../host/ChildProcesses.ts"
import { hostBootId } from "../host/ProcessIdentity.ts"
import { firstComplaint } from "./firstComplaint.ts"
import { hostArchitecture } from "./hostArchitecture.ts"
import { findKvmNode, KvmAbsent } from "./KvmNode.ts"
import type { KvmPayload } from "./KvmPayload.ts"
import { kvmPayloads } from "./kvmPayloads.ts"
import * as ProbeCache from "./ProbeCache.ts"
import { Qemu, type QemuBinary } from "./Qemu.ts"
import { QemuError } from "./QemuError.ts"

export const KvmUsable = Schema.TaggedStruct("Usable", {})
/** KVM is there, but code does not run right under it. */
export const KvmBroken = Schema.TaggedStruct("Broken", {
  /** What the probe, or a guest, was seen to do. */
  seen: Schema.String
})

export const KvmVerdict = Schema.Union([KvmUsable, KvmAbsent, KvmBroken])
export type KvmVerdict = typeof KvmVerdict.Type

export interface KvmProbeShape {
  /** Looked up once; later calls return the same. */
  readonly verdict: Effect.Effect<KvmVerdict, QemuError>
  /** A guest found what the probe did not: from now on, and for later runs of this boot, KVM counts as broken. */
  readonly markBroken: (seen: string) => Effect.Effect<void>
}

export interface KvmProbeOptions {
  /** Where verdicts are remembered: the cache's `probe` folder. */
  readonly probeDirectory: string
  /** Default `/dev/kvm`. */
  readonly node?: string | undefined
}

/**
 * Milliseconds that the payload may take on an idle host. It needs under 100 where KVM is sound, and 200 even under
 * TCG.
 */
const idleDeadlineMs = 2000
const longestDeadlineMs = 10_000

/** A host with more runnable tasks than processors gets proportionally more time. */
export const probeDeadlineMs = (host: { readonly loadAverage: number; readonly processors: number }): number =>
  Math.min(longestDeadlineMs, Math.round(idleDeadlineMs * Math.max(1, host.loadAverage / host.processors)))

const currentDeadlineMs = FileSystem.FileSystem.use((fs) => fs.readFileString("/proc/loadavg")).pipe(
  Effect.map((text) => Number.parseFloat(text)),
  Effect.map((loadAverage) =>
    probeDeadlineMs({ loadAverage: Number.isFinite(loadAverage) ? loadAverage : 0, processors: availableParallelism() })
  ),
  Effect.orElseSucceed(() => idleDeadlineMs)
)

/** What a run of the payload proves. */
export const judge = (
  payload: KvmPayload,
  output: ProcessOutput,
  deadlineMs: number
): typeof KvmUsable.Type | typeof KvmBroken.Type => {
  const complaint = firstComplaint(output.stderr)
  const broken = (seen: string) => KvmBroken.make({ seen: complaint === undefined ? seen : `${seen}: ${complaint}` })
  if (Option.isNone(output.exit)) return broken(`the probe did not end within ${(deadlineMs / 1000).toFixed(1)} s`)
  switch (payload.judge(output)) {
    case "passed":
      return KvmUsable.make({})
    case "miscomputed":
      return broken("the probe's instructions gave wrong results")
    case "failed": {
      const { code, signal } = output.exit.value
      return broken(
        signal === undefined
          ? `the probe ended QEMU with status ${code ?? "unknown"}`
          : `the probe ended QEMU by ${signal}`
      )
    }
  }
}

export interface RunPayloadOptions {
  readonly binary: string
  readonly payload: KvmPayload
  readonly accelerator: "kvm" | "tcg"
  /** `-cpu`: what guests get, so that a model which QEMU can't set up is found too. */
  readonly cpu: string
  readonly timeoutMs: number
}

/** Runs a payload on a bare machine. */
export const runPayload = Effect.fn("KvmProbe.runPayload")(function* (options: RunPayloadOptions) {
  const fs = yield* FileSystem.FileSystem
  const processes = yield* ChildProcesses
  const kernel = yield* Effect.orDie(fs.makeTempFileScoped({ prefix: "nvt-kvm-probe-" }))
  yield* Effect.orDie(fs.writeFile(kernel, options.payload.kernel))
  return yield* processes
    .run({
      command: options.binary,
      args: [
        ...["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
        ...options.payload.machineArguments,
        ...["-accel", options.accelerator, "-cpu", options.cpu, "-kernel", kernel]
      ],
      timeoutMs: options.timeoutMs
    })
    .pipe(
      Effect.mapError(
        (error) => new QemuError({ reason: { _tag: "SpawnFailed", command: error.command, detail: error.message } })
      )
    )
}, Effect.scoped)

const listed = (folder: string): ReadonlyArray<string> => {
  try {
    return readdirSync(folder).toSorted()
  } catch {
    return []
  }
}

const content = (file: string): string => {
  try {
    return readFileSync(file, "utf8").trim()
  } catch {
    return ""
  }
}

/**
 * Names and values of the parameters of all KVM modules, such as `kvm_intel/nested=Y`. Some dozens of files in memory: what it takes to read
 * each of them in the background was a tenth of the time before QEMU's start.
 */
const kvmParameters = Effect.sync((): ReadonlyArray<string> => {
  const modules = listed("/sys/module").filter((name) => name.startsWith("kvm"))
  const parameters = modules.flatMap((module) => {
    const folder = `/sys/module/${module}/parameters`
    return listed(folder).map((name) => `${module}/${name}=${content(`${folder}/${name}`)}`)
  })
  return [modules.join(), ...parameters]
})

/** Everything that a remembered verdict depends on; another key makes it void. */
const verdictKey = Effect.fnUntraced(function* (qemu: QemuBinary) {
  const hash = createHash("sha256").update(kvmPayloads[qemu.architecture].kernel)
  for (const part of [yield* hostBootId, qemu.buildId, ...(yield* kvmParameters)]) hash.update(`\0${part}`)
  return hash.digest("hex")
})

const Remembered = Schema.Struct({ key: Schema.String, verdict: Schema.Union([KvmUsable, KvmBroken]) })

/** A probe of one QEMU binary. */
export const makeKvmProbe = Effect.fnUntraced(function* (
  qemu: QemuBinary,
  options: KvmProbeOptions
): Effect.fn.Return<KvmProbeShape, never, ChildProcesses | FileSystem.FileSystem> {
  const context = yield* Effect.context<FileSystem.FileSystem | ChildProcesses>()
  const marked = yield* Ref.make(Option.none<KvmVerdict>())
  const answer = { directory: options.probeDirectory, name: `kvm-${qemu.buildId}`, schema: Remembered }

  const look = Effect.gen(function* (): Effect.fn.Return<
    KvmVerdict,
    QemuError,
    FileSystem.FileSystem | ChildProcesses
  > {
    const absent = yield* findKvmNode({
      node: options.node ?? "/dev/kvm",
      guest: qemu.architecture,
      host: hostArchitecture,
      builtIn: qemu.capabilities.kvm
    })
    if (Option.isSome(absent)) return absent.value
    const key = yield* verdictKey(qemu)
    const known = yield* ProbeCache.recall(answer)
    if (Option.isSome(known) && known.value.key === key) return known.value.verdict
    const timeoutMs = yield* currentDeadlineMs
    const payload = kvmPayloads[qemu.architecture]
    const output = yield* runPayload({ binary: qemu.binary, payload, accelerator: "kvm", cpu: "host", timeoutMs })
    const verdict = judge(payload, output, timeoutMs)
    yield* ProbeCache.remember(answer, { key, verdict })
    return verdict
  })
  const looked = yield* Effect.cached(Effect.provide(look, context))

  return {
    verdict: Effect.flatMap(Ref.get(marked), Option.match({ onNone: () => looked, onSome: Effect.succeed })),
    markBroken: (seen) =>
      Effect.gen(function* () {
        const verdict = KvmBroken.make({ seen })
        yield* Ref.set(marked, Option.some(verdict))
        yield* ProbeCache.remember(answer, { key: yield* verdictKey(qemu), verdict })
      }).pipe(Effect.provide(context))
  }
})

export class KvmProbe extends Context.Service<KvmProbe, KvmProbeShape>()("@nix-vm-test/core/KvmProbe") {
  /** Looks at nothing before the first question. */
  static readonly layer = (
    options: KvmProbeOptions
  ): Layer.Layer<KvmProbe, never, Qemu | ChildProcesses | FileSystem.FileSystem> =>
    Layer.effect(
      KvmProbe,
      Effect.flatMap(Qemu, (qemu) => makeKvmProbe(qemu, options))
    )
}
