/** What makes one template another's equal, as a value: its key is a digest of it, and what differs between two of them can be told. */
import * as Schema from "effect/Schema"

export const TemplateIdentity = Schema.Struct({
  /** How templates are made. */
  templateVersion: Schema.Int,
  /** Key of the image, a digest. */
  image: Schema.String,
  /** Stands for QEMU's binary. */
  qemuBuildId: Schema.String,
  /** Digest of the agent's program. */
  agentDigest: Schema.String,
  /** The host's processor, where it is the guest's too; else "". */
  cpu: Schema.String,
  /** QEMU's arguments, each a flag and its value, without what only a run has. */
  machine: Schema.Array(Schema.Tuple([Schema.String, Schema.String]))
})
export type TemplateIdentity = typeof TemplateIdentity.Type

/** Value of one of QEMU's flags; all of them where it is there several times. */
const valueOf = ({ machine }: TemplateIdentity, flag: string): string =>
  machine.flatMap(([name, value]) => (name === flag ? [value] : [])).join(" ")

/** Flags of what the user chooses: machines that differ in them are not meant to start from the same template. */
const shapeFlags = ["-m", "-smp"] as const

/** Whether both are of the same image, with as much memory and as many processors. */
export const isSameShape = (one: TemplateIdentity, other: TemplateIdentity): boolean =>
  one.image === other.image && shapeFlags.every((flag) => valueOf(one, flag) === valueOf(other, flag))

/** What a host's QEMU, processor or driver changes, and how it is called. */
const hostFlags = { "-machine": "machine type", "-accel": "accelerator", "-cpu": "CPU model" } as const

/** Why a guest of the one does not go on as the other, in words; nothing where they are the same. */
export const differences = (template: TemplateIdentity, wanted: TemplateIdentity): ReadonlyArray<string> => {
  const found = [
    ...(template.templateVersion === wanted.templateVersion ? [] : ["it is of another version of nix-vm-test"]),
    ...(template.image === wanted.image ? [] : ["it is of another image"]),
    ...(template.qemuBuildId === wanted.qemuBuildId ? [] : ["it was made by another QEMU"]),
    ...(template.agentDigest === wanted.agentDigest ? [] : ["it has the agent of another version of nix-vm-test"]),
    ...(template.cpu === wanted.cpu ? [] : ["it was made on another processor"]),
    ...Object.entries(hostFlags).flatMap(([flag, name]) => {
      const [its, here] = [valueOf(template, flag), valueOf(wanted, flag)]
      return its === here ? [] : [`its ${name} is ${its}, here it is ${here}`]
    })
  ]
  if (found.length > 0) return found
  return JSON.stringify(template.machine) === JSON.stringify(wanted.machine) ? [] : ["its machine has other devices"]
}
