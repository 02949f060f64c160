/** Reasons why KVM is not there at all, each with what would mend it; found without running anything. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import type * as PlatformError from "effect/PlatformError"
import * as Schema from "effect/Schema"
import type { Architecture } from "../spec/Image.ts"

export const KvmAbsent = Schema.TaggedStruct("Absent", {
  reason: Schema.Literals(["noNode", "noPermission", "noVirtualisation", "notInQemu", "foreignArchitecture"]),
  /** One plain clause, such as `this user may not open /dev/kvm (group kvm may)`. */
  detail: Schema.String,
  /** A command or step that mends it, where there is one. */
  hint: Schema.optionalKey(Schema.String)
})
export type KvmAbsent = typeof KvmAbsent.Type

export interface KvmNodeOptions {
  /** Path of the device node. */
  readonly node: string
  readonly guest: Architecture
  readonly host: Architecture
  /** QEMU was built with KVM. */
  readonly builtIn: boolean
}

/** The CPU's virtualisation flag in `/proc/cpuinfo`; undefined on CPUs without one, and on arm64, which lists none. */
export const virtualisationFlag = (cpuinfo: string): "vmx" | "svm" | undefined => {
  const flags = new Set(/^flags\s*:(.*)$/mu.exec(cpuinfo)?.[1]?.split(" "))
  return flags.has("vmx") ? "vmx" : flags.has("svm") ? "svm" : undefined
}

/** Name of a group in the text of `/etc/group`. */
export const groupName = (groups: string, gid: number): string | undefined =>
  groups
    .split("\n")
    .map((line) => line.split(":"))
    .find((fields) => fields[2] === String(gid))?.[0]

const withoutNode = Effect.fnUntraced(function* (options: KvmNodeOptions) {
  const fs = yield* FileSystem.FileSystem
  const flag = virtualisationFlag(yield* Effect.orElseSucceed(fs.readFileString("/proc/cpuinfo"), () => ""))
  if (flag === undefined && options.host === "x86_64") {
    return KvmAbsent.make({
      reason: "noVirtualisation",
      detail: "the CPU offers no virtualisation (no vmx or svm flag)",
      hint: "turn it on in the firmware, or nested virtualisation on the host of this virtual machine"
    })
  }
  const detail = `${options.node} does not exist`
  const module = flag === undefined ? undefined : flag === "vmx" ? "kvm_intel" : "kvm_amd"
  return module === undefined
    ? KvmAbsent.make({ reason: "noNode", detail })
    : KvmAbsent.make({
        reason: "noNode",
        detail,
        hint: `sudo modprobe ${module} (in a container: start it with --device ${options.node})`
      })
})

const withoutPermission = Effect.fnUntraced(function* (node: string) {
  const fs = yield* FileSystem.FileSystem
  const info = yield* Effect.option(fs.stat(node))
  const groups = yield* Effect.orElseSucceed(fs.readFileString("/etc/group"), () => "")
  const group = Option.flatMap(info, ({ gid, mode }) =>
    (mode & 0o060) === 0o060 ? Option.map(gid, (id) => groupName(groups, id) ?? String(id)) : Option.none()
  )
  return KvmAbsent.make({
    reason: "noPermission",
    ...Option.match(group, {
      onNone: () => ({
        detail: `this user may not open ${node}, nor may any group`,
        hint: `sudo chgrp kvm ${node} && sudo chmod 660 ${node}`
      }),
      onSome: (name) => ({
        detail: `this user may not open ${node} (group ${name} may)`,
        hint: `sudo usermod -aG ${name} "$USER", then log in again`
      })
    })
  })
})

const explain = (options: KvmNodeOptions) => (error: PlatformError.PlatformError) => {
  switch (error.reason._tag) {
    case "PermissionDenied":
      return withoutPermission(options.node)
    case "NotFound":
      return withoutNode(options)
    default:
      return Effect.succeed(
        KvmAbsent.make({ reason: "noNode", detail: `${options.node} can't be opened: ${error.reason.message}` })
      )
  }
}

/** Why KVM is absent; none when its node opens for reading and writing, which says nothing yet about its use. */
export const findKvmNode = Effect.fn("KvmNode.find")(function* (
  options: KvmNodeOptions
): Effect.fn.Return<Option.Option<KvmAbsent>, never, FileSystem.FileSystem> {
  if (options.guest !== options.host) {
    const detail = `${options.guest} guests run on ${options.host} by emulation only`
    return Option.some(KvmAbsent.make({ reason: "foreignArchitecture", detail }))
  }
  if (!options.builtIn) {
    return Option.some(KvmAbsent.make({ reason: "notInQemu", detail: "this QEMU was built without KVM" }))
  }
  const fs = yield* FileSystem.FileSystem
  return yield* Effect.scoped(fs.open(options.node, { flag: "r+" })).pipe(
    Effect.as(Option.none<KvmAbsent>()),
    Effect.catch((error) => Effect.asSome(explain(options)(error)))
  )
})
