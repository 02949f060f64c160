/**
 * The last words of a guest that the agent never came into: logs from its disk, read by another guest. It is one that needs no preparation and is
 * in the cache already, so that a failure takes seconds longer, and downloads nothing.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { EventBus } from "../events/EventBus.ts"
import { hostCpu } from "../host/hostCpu.ts"
import { deadDiskScript, readLogs } from "../machine/deadDiskScript.ts"
import { type Evidence, evidenceOf } from "../machine/evidence.ts"
import { inIncarnation } from "../machine/MachineContext.ts"
import type { HostFacts } from "../plan/HostFacts.ts"
import { Qemu } from "../qemu/Qemu.ts"
import { ImageCatalog } from "../store/ImageCatalog.ts"
import { ImageStore } from "../store/ImageStore.ts"
import { hostFacts } from "./hostFacts.ts"
import { onlyPhases } from "./onlyPhases.ts"
import { planOwnMachine } from "./planOwnMachine.ts"
import { makeRunMachine, type RunMachine } from "./RunMachine.ts"
import { makeSpeedFactor } from "./SpeedFactor.ts"
import { chooseTemplates } from "./TemplateChoice.ts"

/** Has the tools that the script needs, and a kernel that knows all file systems. */
const rescueImage = "debian:12"
const machineName = "rescue"
const diskName = "dead"

/** Under KVM; a template that is not there yet has to be made in it. */
const limitMs = 30_000

const findRescueImage = Effect.fnUntraced(function* () {
  const { architecture } = yield* Qemu
  const image = yield* (yield* ImageCatalog).resolve({ _tag: "Named", name: rescueImage }, architecture)
  return yield* (yield* ImageStore).peek(image)
})

const endGuest = Effect.fnUntraced(function* ({ power }: RunMachine) {
  const incarnation = yield* power.current
  if (incarnation === undefined) return
  yield* incarnation.expectEnd
  yield* incarnation.process.stop()
})

const acceleratorOf = (dead: RunMachine): HostFacts["accelerator"] => (dead.isEmulated() ? "tcg" : "kvm")

const readWith = Effect.fnUntraced(function* (dead: RunMachine) {
  const found = yield* findRescueImage()
  if (Option.isNone(found)) {
    return evidenceOf("its disk", `not read: that takes ${rescueImage}, which is not in the cache`)
  }
  const host = yield* hostFacts(acceleratorOf(dead))
  const { name, disk } = dead.plan
  const bus = yield* EventBus
  yield* bus.publish({ _tag: "Notice", topic: "image", machine: name, text: "reading the logs on its disk" })
  yield* endGuest(dead)
  const { machine, limits, runDirectory, agent } = yield* planOwnMachine({
    name: machineName,
    image: found.value,
    host,
    spec: { memory: "512MiB", disks: { [diskName]: { size: disk.bytes } } }
  })
  const base = { path: disk.overlay, format: "qcow2" } as const
  const plan = { ...machine, extraDisks: machine.extraDisks.map((extra) => ({ ...extra, base })) }
  const { buildId } = yield* Qemu
  const templates = yield* chooseTemplates({
    machines: [plan],
    host: { qemuBuildId: buildId, agentDigest: agent.digest, hostCpu: yield* hostCpu },
    given: []
  })
  const rescue = yield* makeRunMachine({
    plan,
    template: templates.get(machineName),
    limits,
    speed: makeSpeedFactor(host.accelerator),
    outputDirectory: runDirectory
  }).pipe(
    Effect.provideService(
      EventBus,
      onlyPhases(bus, () => {})
    )
  )
  const incarnation = yield* rescue.power.running
  const { stdout, stderr } = yield* inIncarnation(
    { name: machineName, console: rescue.console },
    incarnation,
    (channel) => channel.exec({ command: deadDiskScript(diskName), strict: false, timeoutMs: limitMs * 10 })
  )
  const logs = readLogs(new TextDecoder().decode(stdout))
  return logs.length > 0
    ? logs
    : evidenceOf("its disk", `no logs were found on it\n${new TextDecoder().decode(stderr)}`)
}, Effect.scoped)

/**
 * The logs on a machine's disk. The machine is of no use any more: a guest that still runs is told to power itself off, so that all is written, and is
 * ended. Never fails: that the disk can't be read is evidence too.
 */
export const readDeadDisk = Effect.fn("run.readDeadDisk")(function* (dead: RunMachine) {
  const unread = (why: string): ReadonlyArray<Evidence> => evidenceOf("its disk", `could not be read: ${why}`)
  const limit = limitMs * makeSpeedFactor(acceleratorOf(dead)).factor()
  return yield* readWith(dead).pipe(
    Effect.catch((error) => Effect.succeed(unread(error.message))),
    Effect.timeoutOrElse({
      duration: limit,
      orElse: () => Effect.succeed(unread(`it took more than ${Math.round(limit / 1000)} s`))
    })
  )
})
