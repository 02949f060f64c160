/** What one QEMU binary is and can do, as it says itself. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { ChildProcesses } from "../host/ChildProcesses.ts"
import { QemuError } from "./QemuError.ts"
import { QmpVersion } from "./QmpMessage.ts"

export const QemuVersion = Schema.Struct({
  major: Schema.Int,
  minor: Schema.Int,
  micro: Schema.Int,
  /** With the builder's addition, such as `7.2.22 (Debian 1:7.2+dfsg-7)`. */
  text: Schema.String
})
export type QemuVersion = typeof QemuVersion.Type

/**
 * What the driver can use when it is there.
 *
 * - `kvm`: KVM was compiled in; whether it works is `KvmProbe`'s to say.
 * - `sandbox`: the seccomp sandbox, `-sandbox on`.
 * - `fsdev`: 9p shares.
 * - `userNetdev`, `streamNetdev`, `dgramNetdev`: back ends of `-netdev`.
 * - `streamReconnect`: a `stream` back end that is a client connects again.
 */
export const QemuCapabilities = Schema.Struct({
  kvm: Schema.Boolean,
  sandbox: Schema.Boolean,
  fsdev: Schema.Boolean,
  userNetdev: Schema.Boolean,
  streamNetdev: Schema.Boolean,
  dgramNetdev: Schema.Boolean,
  streamReconnect: Schema.Boolean
})
export type QemuCapabilities = typeof QemuCapabilities.Type

/**
 * Versioned names behind the aliases: state saved under one must be loaded under the same, and an alias moves with
 * QEMU.
 */
export const MachineTypes = Schema.Struct({
  pc: Schema.optionalKey(Schema.String),
  q35: Schema.optionalKey(Schema.String),
  virt: Schema.optionalKey(Schema.String)
})
export type MachineTypes = typeof MachineTypes.Type

export const QemuFacts = Schema.Struct({
  version: QemuVersion,
  machineTypes: MachineTypes,
  capabilities: QemuCapabilities
})
export type QemuFacts = typeof QemuFacts.Type

const Machines = Schema.Array(Schema.Struct({ name: Schema.String, alias: Schema.optionalKey(Schema.String) }))
const Kvm = Schema.Struct({ present: Schema.Boolean })
const CommandLineOptions = Schema.Array(
  Schema.Struct({ option: Schema.String, parameters: Schema.Array(Schema.Struct({ name: Schema.String })) })
)
/** One entity of QEMU's schema of its own protocol; names of types are numbers there. */
const SchemaEntity = Schema.Struct({
  name: Schema.String,
  "arg-type": Schema.optionalKey(Schema.String),
  members: Schema.optionalKey(Schema.Array(Schema.Struct({ name: Schema.optionalKey(Schema.String) }))),
  variants: Schema.optionalKey(Schema.Array(Schema.Struct({ case: Schema.String, type: Schema.String })))
})
const QmpSchema = Schema.Array(SchemaEntity)

/** The questions, in the order of their ids. */
const questions = [
  "query-version",
  "query-machines",
  "query-kvm",
  "query-command-line-options",
  "query-qmp-schema"
] as const

const Replies = Schema.Tuple([QmpVersion, Machines, Kvm, CommandLineOptions, QmpSchema])

const Line = Schema.fromJsonString(Schema.Struct({ id: Schema.Int, return: Schema.Unknown }))

/** The whole conversation at once: QEMU answers in order and ends by itself, so no connection has to be kept. */
const conversation = ["qmp_capabilities", ...questions, "quit"]
  .map((command, index) => `${JSON.stringify({ execute: command, id: index })}\n`)
  .join("")

/** Variants of a `-netdev` back end, and the options that each takes. */
const netdevsOf = (schema: typeof QmpSchema.Type): ReadonlyMap<string, ReadonlyArray<string>> => {
  const entities = new Map(schema.map((entity) => [entity.name, entity]))
  const netdev = entities.get(entities.get("netdev_add")?.["arg-type"] ?? "")
  return new Map(
    (netdev?.variants ?? []).map((variant) => [
      variant.case,
      (entities.get(variant.type)?.members ?? []).flatMap((member) => (member.name === undefined ? [] : [member.name]))
    ])
  )
}

const factsFrom = ([version, machines, kvm, options, schema]: typeof Replies.Type): QemuFacts => {
  const { major, minor, micro } = version.qemu
  const nameOf = (alias: string) => machines.find((machine) => machine.alias === alias)?.name
  const parametersOf = (option: string) =>
    options.find((entry) => entry.option === option)?.parameters.map(({ name }) => name)
  const netdevs = netdevsOf(schema)
  const [pc, q35, virt] = [nameOf("pc"), nameOf("q35"), nameOf("virt")]
  return {
    version: {
      major,
      minor,
      micro,
      text: `${major}.${minor}.${micro}${version.package === "" ? "" : ` (${version.package.trim()})`}`
    },
    machineTypes: {
      ...(pc === undefined ? {} : { pc }),
      ...(q35 === undefined ? {} : { q35 }),
      ...(virt === undefined ? {} : { virt })
    },
    capabilities: {
      kvm: kvm.present,
      sandbox: parametersOf("sandbox") !== undefined,
      fsdev: parametersOf("fsdev") !== undefined,
      userNetdev: netdevs.has("user"),
      streamNetdev: netdevs.has("stream"),
      dgramNetdev: netdevs.has("dgram"),
      streamReconnect: netdevs.get("stream")?.some((name) => name === "reconnect" || name === "reconnect-ms") ?? false
    }
  }
}

const decodeLine = Schema.decodeUnknownOption(Line)
const decodeReplies = Schema.decodeUnknownOption(Replies)

/** Facts out of what QEMU wrote in answer to the questions; none when an answer is missing or of another form. */
export const parseFacts = (stdout: string): Option.Option<QemuFacts> => {
  const replies = new Map(
    stdout
      .split("\n")
      .flatMap((text) => Option.toArray(decodeLine(text)).map((line) => [line.id, line.return] as const))
  )
  return Option.map(decodeReplies(questions.map((_, index) => replies.get(index + 1))), factsFrom)
}

/** Milliseconds for an answer that takes 60 on an idle machine. */
const answerWithinMs = 20_000

/** Asks a QEMU binary what it is: one process without a machine. Fails as `Unusable`. */
export const askQemu = Effect.fn("QemuFacts.ask")(function* (
  binary: string
): Effect.fn.Return<QemuFacts, QemuError, ChildProcesses> {
  const unusable = (detail: string) => new QemuError({ reason: { _tag: "Unusable", binary, detail } })
  const processes = yield* ChildProcesses
  const output = yield* processes
    .run({
      command: binary,
      args: ["-M", "none", "-nodefaults", "-no-user-config", "-display", "none", "-S", "-qmp", "stdio"],
      stdin: conversation,
      timeoutMs: answerWithinMs
    })
    .pipe(
      Effect.mapError(
        (error) => new QemuError({ reason: { _tag: "SpawnFailed", command: error.command, detail: error.message } })
      )
    )
  const facts = parseFacts(output.stdout)
  if (Option.isSome(facts)) return facts.value
  const said = output.stderr.trim() === "" ? "" : `; it said: ${output.stderr.trim()}`
  const how = Option.match(output.exit, {
    onNone: () => `it gave no answer within ${answerWithinMs / 1000} s`,
    onSome: (exit) => `it does not say its version (exit ${exit.signal ?? exit.code ?? "unknown"})`
  })
  return yield* unusable(how + said)
})
