/**
 * Checkpoints of a machine within its run: memory, devices and disks, saved by QEMU into the disk's own file and loaded in the same process.
 *
 * Nothing is in flight between guest and driver at that instant, and the next session has another key: a restored guest can't take a late
 * byte of its former future for a call.
 */
import { randomBytes } from "node:crypto"
import * as Effect from "effect/Effect"
import type { GuestChannel } from "../guest/GuestChannel.ts"
import { type GuestError, guestError } from "../guest/GuestError.ts"
import { rootDiskId } from "../plan/qemuArguments.ts"
import type { QemuError } from "../qemu/QemuError.ts"
import { loadSnapshot, saveSnapshot } from "../qemu/snapshot.ts"
import type { Checkpoint } from "./Checkpoint.ts"
import type { Incarnation } from "./Incarnation.ts"
import type { MachineContext, OperationError } from "./MachineContext.ts"
import { consoleEvidence, inIncarnation } from "./MachineContext.ts"
import { MachineError } from "./MachineError.ts"
import type { HeldGuest, MachinePower } from "./MachinePower.ts"
import type { Meeting } from "./Meeting.ts"
import { alone } from "./Meeting.ts"
import { runInGuest } from "./runInGuest.ts"
import { mountShare, unmountShare } from "./shareScripts.ts"
import { goOn, standStill } from "./stillTime.ts"
import { TestFailure } from "./TestFailure.ts"

export interface Checkpoints {
  readonly checkpoint: (meeting?: Meeting) => Effect.Effect<Checkpoint, OperationError>
  readonly restore: (checkpoint: Checkpoint, meeting?: Meeting) => Effect.Effect<void, OperationError>
}

/** Turns back something that was done to the guest for the sake of the checkpoint. */
type Undo = (channel: GuestChannel) => Effect.Effect<unknown, GuestError>

/** What a handle stands for. */
interface Saved {
  /** Its QEMU: no other can load it. */
  readonly incarnation: Incarnation
  readonly bootId: string
  readonly tag: string
  readonly undo: ReadonlyArray<Undo>
}

/** A guest's memory goes to the disk and back in seconds; what takes so much longer hangs. */
const SNAPSHOT_LIMIT = "5 minutes"

const restored = guestError({ _tag: "GuestRestored" })

export const makeCheckpoints = (context: MachineContext, power: MachinePower): Checkpoints => {
  const { name: machine, plan, steps } = context
  const saves = new WeakMap<Checkpoint, Saved>()
  let count = 0

  const notPossible = (detail: string) =>
    new TestFailure({ machine, reason: { _tag: "NotPossible", detail }, evidence: [] })

  const refused = (operation: string, detail: string) =>
    new MachineError({
      machine,
      reason: { _tag: "MonitorRefused", operation, detail },
      evidence: consoleEvidence(context)
    })

  /** What QEMU is asked to do; when it ends meanwhile, its end is the reason. */
  const byQemu = (guest: HeldGuest, operation: string, work: Effect.Effect<unknown, QemuError>) =>
    work.pipe(
      Effect.asVoid,
      Effect.mapError((error) => refused(operation, error.message)),
      Effect.timeoutOrElse({
        duration: SNAPSHOT_LIMIT,
        orElse: () => Effect.fail(refused(operation, `it did not end within ${SNAPSHOT_LIMIT}`))
      }),
      Effect.raceFirst(guest.incarnation.death)
    )

  /** Why it can't be saved now: what is asked of a guest would be asked again, or never answered, after a restore. */
  const callsInFlight = (guest: HeldGuest): TestFailure | undefined => {
    const calls = guest.incarnation.channel.callsInFlight()
    return calls.length === 0
      ? undefined
      : notPossible(`a checkpoint can't be made while something is asked of the guest; in flight: ${calls.join("; ")}`)
  }

  /** Runs `use` while the guest stands still and nothing is said to it. */
  const still = <E>(
    guest: HeldGuest,
    options: { readonly obstacle?: () => TestFailure | undefined; readonly use: Effect.Effect<void, E> }
  ) => {
    const { channel, process } = guest.incarnation
    const release = Effect.sync(() => channel.release())
    const stop = Effect.suspend((): Effect.Effect<void, OperationError> => {
      // In one go: no call may begin in between.
      const obstacle = options.obstacle?.()
      if (obstacle !== undefined) return Effect.fail(obstacle)
      channel.hold(restored)
      return Effect.onError(byQemu(guest, "stop", process.qmp.execute("stop")), () => release)
    })
    return Effect.acquireUseRelease(
      stop,
      () => options.use,
      // A QEMU that has gone is noticed by others.
      () => Effect.andThen(Effect.ignore(process.qmp.execute("cont")), release)
    )
  }

  /** Its clock stood; with `entropy` it draws other random numbers than before. */
  const wake = (guest: HeldGuest, entropy: Uint8Array) =>
    inIncarnation(context, guest.incarnation, (channel) =>
      // Its answer may take a while, and the clock would be late by that.
      Effect.flatMap(channel.session, () => channel.resumed({ wallClockMs: Date.now(), entropy }))
    )

  const run = (guest: HeldGuest, command: string) =>
    Effect.map(
      inIncarnation(context, guest.incarnation, (channel) => channel.exec({ command, timeoutMs: 60_000 })),
      ({ exitCode, stdout, stderr }) => ({
        exitCode,
        stdout: new TextDecoder().decode(stdout),
        stderr: new TextDecoder().decode(stderr).trim()
      })
    )

  /** What the guest's operating system refuses is a failure of the set-up. */
  const orSetupFailed = (error: MachineError) => {
    if (error.reason._tag !== "ChannelFailed" || error.reason.cause._tag !== "GuestRefused") return error
    const step = "bringing back what a checkpoint had to take away"
    return new MachineError({
      machine,
      reason: { _tag: "SetupFailed", step, detail: error.message },
      evidence: error.evidence
    })
  }

  /** Brings the guest into a state that can be saved; adds to `undo` what turns back what was done so far. */
  const prepare = Effect.fnUntraced(function* (guest: HeldGuest, undo: Array<Undo>) {
    // A share that is mounted by 9p keeps state in QEMU which can't be saved; one by virtiofs keeps it elsewhere, and for good.
    const virtiofs = plan.shares.find(({ by }) => by._tag === "virtiofs")
    if (virtiofs !== undefined) {
      return yield* notPossible(
        `a checkpoint can't be made of a machine with a share by virtiofs (${virtiofs.target}): say "via": "copy" or "image"`
      )
    }
    for (const share of plan.shares.filter(({ by }) => by._tag === "9p")) {
      const { exitCode, stdout, stderr } = yield* run(guest, unmountShare(share))
      if (exitCode !== 0) return yield* notPossible(`a checkpoint can't be made while a share is in use: ${stderr}`)
      if (stdout === "taken\n") undo.push((channel) => mountShare(channel, share))
    }
    const { stdout } = yield* run(guest, standStill)
    undo.push((channel) =>
      runInGuest(channel, { operation: "let time go on in", subject: machine, command: goOn(stdout) })
    )
  })

  const turnBack = (guest: HeldGuest, undo: ReadonlyArray<Undo>) =>
    inIncarnation(context, guest.incarnation, (channel) =>
      Effect.forEach(undo, (step) => step(channel), { discard: true })
    ).pipe(Effect.mapError(orSetupFailed))

  const save = Effect.fnUntraced(function* (guest: HeldGuest, meeting: Meeting) {
    const { incarnation, bootId } = guest
    if (bootId === undefined) return yield* notPossible("a checkpoint can't be made while the guest boots")
    const busy = callsInFlight(guest)
    if (busy !== undefined) return yield* busy
    const checkpoint: Checkpoint = { machine, number: ++count }
    const tag = `checkpoint-${checkpoint.number}`
    const undo: Array<Undo> = []
    const saving = byQemu(
      guest,
      "saving a checkpoint",
      saveSnapshot({ qmp: incarnation.process.qmp, tag, stateDisk: rootDiskId })
    )
    yield* prepare(guest, undo).pipe(
      Effect.andThen(
        still(guest, {
          obstacle: () => callsInFlight(guest),
          use: meeting.all.pipe(Effect.andThen(saving), Effect.andThen(meeting.all))
        })
      ),
      Effect.andThen(wake(guest, new Uint8Array())),
      Effect.onError(() => Effect.ignore(turnBack(guest, undo)))
    )
    yield* turnBack(guest, undo)
    saves.set(checkpoint, { incarnation, bootId, tag, undo })
    return checkpoint
  })

  const load = Effect.fnUntraced(function* (guest: HeldGuest, saved: Saved, meeting: Meeting) {
    if (saved.incarnation !== guest.incarnation) {
      return yield* notPossible("the checkpoint ended when the machine was stopped")
    }
    const loading = byQemu(
      guest,
      "loading a checkpoint",
      loadSnapshot({ qmp: guest.incarnation.process.qmp, tag: saved.tag, stateDisk: rootDiskId })
    )
    yield* still(guest, {
      use: meeting.all.pipe(Effect.andThen(guest.replace(saved.bootId, loading)), Effect.andThen(meeting.all))
    })
    yield* wake(guest, randomBytes(64))
    yield* turnBack(guest, saved.undo)
  })

  return {
    checkpoint: (meeting = alone) =>
      steps.step({ kind: "lifecycle", machine, title: "checkpoint" }, () =>
        Effect.andThen(
          power.running,
          power.exclusively((guest) => save(guest, meeting))
        )
      ),
    restore: (checkpoint, meeting = alone) =>
      steps.step({ kind: "lifecycle", machine, title: `restore checkpoint ${checkpoint.number}` }, () =>
        Effect.suspend(() => {
          if (checkpoint.machine !== machine) {
            return Effect.fail(notPossible(`the checkpoint is one of the machine ${checkpoint.machine}`))
          }
          const saved = saves.get(checkpoint)
          return saved === undefined
            ? Effect.fail(notPossible("this run has made no such checkpoint"))
            : power.exclusively((guest) => load(guest, saved, meeting))
        })
      )
  }
}
