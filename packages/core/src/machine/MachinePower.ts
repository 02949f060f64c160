/**
 * A machine's life: off → starting → running → off, with one disk over all of it. Starts, stops, reboots and deaths meet here, one at a time.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { EventBusShape } from "../events/EventBus.ts"
import { entryExpectation } from "../plan/entry/entryExpectation.ts"
import { evidenceOf } from "./evidence.ts"
import type { Incarnation } from "./Incarnation.ts"
import type { GuestAccess } from "./GuestAccess.ts"
import type { OperationError } from "./MachineContext.ts"
import { inIncarnation } from "./MachineContext.ts"
import { MachineError } from "./MachineError.ts"
import { waitFailure } from "./poll.ts"
import type { StepsShape } from "./Steps.ts"
import type { TimeLimit } from "./TimeLimit.ts"
import { limitToMs } from "./TimeLimit.ts"
import type { WaitOptions } from "./waits.ts"

export interface ShutdownOptions {
  /** How long the guest may take by itself before stronger means; default 1 min (spec: `timeouts.shutdown`). */
  readonly timeout?: TimeLimit
}

export interface MachinePower {
  readonly start: Effect.Effect<void, MachineError>
  readonly shutdown: (options: ShutdownOptions) => Effect.Effect<void, OperationError>
  readonly reboot: Effect.Effect<void, OperationError>
  readonly crash: Effect.Effect<void, OperationError>
  readonly waitForShutdown: (options: WaitOptions) => Effect.Effect<void, OperationError>
  readonly isUp: Effect.Effect<boolean>
  /** The ready machine; starts it when it was never started. */
  readonly running: Effect.Effect<Incarnation, MachineError>
  /** The machine as soon as QEMU runs; starts it when it was never started. */
  readonly started: Effect.Effect<Incarnation, MachineError>
  /** The machine that runs now, if any: for looking without starting. */
  readonly current: Effect.Effect<Incarnation | undefined>
  /** Runs `use` on the machine that is up; meanwhile nothing else starts, stops or replaces it. */
  readonly exclusively: <A, E>(use: (guest: HeldGuest) => Effect.Effect<A, E>) => Effect.Effect<A, E | MachineError>
}

/** A guest that is in one hand only. */
export interface HeldGuest {
  readonly incarnation: Incarnation
  /** Undefined while it boots for the first time. */
  readonly bootId: string | undefined
  /** Puts another state of the guest in its place, from a boot that was ready. A failure ends the machine: its guest is neither of the two. */
  readonly replace: (bootId: string, load: Effect.Effect<void, MachineError>) => Effect.Effect<void, MachineError>
}

/** One boot of a guest: its own id, and whether the script may have it. */
interface Boot {
  /** Unknown until the agent of this boot has answered. */
  bootId: string | undefined
  readonly ready: Deferred.Deferred<void, MachineError>
  /** Completes when the guest has booted again. */
  readonly superseded: Deferred.Deferred<void>
}

/** One QEMU process and the boots of its guest so far; the last one counts. */
interface Life {
  /** Another one, with another scope, where the first start came to nothing and was made again. */
  incarnation: Incarnation
  scope: Scope.Closeable
  boot: Boot
  /** Notices the guest's boots. */
  follower: Fiber.Fiber<unknown, MachineError> | undefined
  /** Fails when the machine has ended for good. */
  readonly death: Deferred.Deferred<never, MachineError>
}

type State =
  | { readonly _tag: "Planned" }
  | { readonly _tag: "Up"; readonly life: Life }
  | { readonly _tag: "Off" }
  | { readonly _tag: "Dead"; readonly error: MachineError }

export interface MachinePowerOptions {
  readonly access: GuestAccess
  readonly bus: EventBusShape
  readonly steps: StepsShape
  /** Milliseconds; asked for anew each time, since they grow with what is learnt about the guest's speed. */
  readonly limits: { readonly shutdownMs: () => number; readonly waitMs: () => number; readonly bootMs: () => number }
  /** Spawns QEMU and attaches to it; everything of it lives in the Scope. */
  readonly spawn: (cold: { readonly first: boolean }) => Effect.Effect<Incarnation, MachineError, Scope.Scope>
  /** Asked when QEMU ended before the guest's agent ever answered: whether another start, by other means, is worth while. */
  readonly startAgain: (error: MachineError) => Effect.Effect<boolean>
  /** Done in a guest that is ready, before it is shut down. Its failure is the shutdown's, but stops nothing. */
  readonly beforeShutdown: (incarnation: Incarnation) => Effect.Effect<void, MachineError>
  /** From the agent's first answer to a guest that the script may have. */
  readonly makeReady: (incarnation: Incarnation, boot: { readonly first: boolean }) => Effect.Effect<void, MachineError>
}

export const makeMachinePower = Effect.fnUntraced(function* (
  options: MachinePowerOptions
): Effect.fn.Return<MachinePower, never, Scope.Scope> {
  const { access, bus, steps, limits } = options
  const machineScope = yield* Effect.scope
  const transition = Semaphore.makeUnsafe(1)
  let state: State = { _tag: "Planned" }
  let booted = false

  const notRunning = (text: string) =>
    new MachineError({ machine: access.name, reason: { _tag: "NotRunning", state: text }, evidence: [] })

  const publishEnd = (end: { readonly died: MachineError } | { readonly how: string }) =>
    "died" in end
      ? bus.publish({
          _tag: "MachineDied",
          machine: access.name,
          reason: end.died.message,
          consoleTail: access.console.tail(20)
        })
      : bus.publish({ _tag: "MachineStopped", machine: access.name, how: end.how })

  /** Waits for the end of a life and writes it down, unless a transition of ours did so already. */
  const watch = Effect.fnUntraced(function* (life: Life) {
    let error = yield* Effect.flip(life.incarnation.death)
    const again = yield* Effect.result(revive(life, error))
    if (Result.isFailure(again)) error = again.failure
    else if (again.success) error = yield* Effect.flip(life.incarnation.death)
    yield* Deferred.fail(life.death, error)
    yield* transition.withPermit(bury(life, error))
  })

  /** Call it within `transition`: the next start must find the disk free, which a process whose guest died may still hold. */
  const bury = Effect.fnUntraced(function* (life: Life, error: MachineError) {
    if (state._tag !== "Up" || state.life !== life) return
    if (error.reason._tag === "GuestPoweredOff") {
      state = { _tag: "Off" }
      yield* publishEnd({ how: "the guest powered itself off" })
    } else {
      state = { _tag: "Dead", error }
      yield* publishEnd({ died: error })
    }
    yield* Scope.close(life.scope, Exit.void)
  })

  const bootTimedOut = (life: Life) =>
    new MachineError({
      machine: access.name,
      reason: { _tag: "BootTimedOut", seconds: limits.bootMs() / 1000, phase: life.incarnation.phase() },
      evidence: [
        ...evidenceOf("the agent's way in", entryExpectation[life.incarnation.entry]),
        ...evidenceOf("console", access.console.tail(30).join("\n"))
      ],
      hint: 'give it more time with "timeouts": { "boot": "10min" }, or look at its console in the output folder'
    })

  const makeReady = Effect.fnUntraced(function* (life: Life, boot: Boot) {
    const first = !booted
    booted = true
    const exit = yield* Effect.exit(options.makeReady(life.incarnation, { first }))
    yield* Deferred.done(boot.ready, exit)
  })

  /** Follows the guest through its boots: the one it was started for, those it was told to make, and those it makes by itself. */
  const followBoots = Effect.fnUntraced(function* (life: Life) {
    const limited = Effect.timeoutOrElse({ duration: limits.bootMs(), orElse: () => Effect.fail(bootTimedOut(life)) })
    const fail = (error: MachineError) => Deferred.fail(life.boot.ready, error)
    const first = yield* Queue.take(life.incarnation.sessions).pipe(limited, Effect.tapError(fail))
    life.boot.bootId = first.bootId
    yield* makeReady(life, life.boot)
    return yield* followReboots(life)
  })

  const followReboots = Effect.fnUntraced(function* (life: Life) {
    while (true) {
      const session = yield* Queue.take(life.incarnation.sessions)
      if (session.bootId === life.boot.bootId) continue
      const before = life.boot
      life.boot = makeBoot(session.bootId)
      yield* bus.publish({ _tag: "MachineRebooted", machine: access.name, bootId: session.bootId })
      yield* Deferred.succeed(before.superseded, undefined)
      yield* makeReady(life, life.boot)
    }
  })

  const spawn = Effect.fnUntraced(function* () {
    const scope = yield* Scope.fork(machineScope)
    const incarnation = yield* options.spawn({ first: !booted }).pipe(
      Scope.provide(scope),
      Effect.onError(() => Scope.close(scope, Exit.void))
    )
    return { incarnation, scope }
  })

  /** Starts a machine again that died before its agent answered, if that is worth while; its callers wait on and notice nothing. */
  const revive = (life: Life, error: MachineError) =>
    transition.withPermit(
      Effect.gen(function* () {
        if (state._tag !== "Up" || state.life !== life || life.boot.bootId !== undefined) return false
        if (!(yield* options.startAgain(error))) return false
        yield* Scope.close(life.scope, Exit.void)
        const { incarnation, scope } = yield* spawn()
        life.incarnation = incarnation
        life.scope = scope
        life.follower = yield* Effect.forkIn(followBoots(life), scope)
        return true
      })
    )

  /** Call it within `transition`. */
  const ignite = Effect.fnUntraced(function* () {
    const { incarnation, scope } = yield* spawn().pipe(
      Effect.catch((error) =>
        Effect.flatMap(options.startAgain(error), (again) => (again ? spawn() : Effect.fail(error)))
      ),
      Effect.tapError((error) => {
        state = { _tag: "Dead", error }
        return publishEnd({ died: error })
      })
    )
    const life: Life = {
      incarnation,
      scope,
      boot: makeBoot(undefined),
      follower: undefined,
      death: Deferred.makeUnsafe<never, MachineError>()
    }
    state = { _tag: "Up", life }
    yield* Effect.forkIn(watch(life), machineScope)
    life.follower = yield* Effect.forkIn(followBoots(life), scope)
    return life
  })

  const lifeNow = (whenOff: "start" | "fail") =>
    transition.withPermit(
      Effect.suspend((): Effect.Effect<Life, MachineError> => {
        switch (state._tag) {
          case "Up":
            return Effect.succeed(state.life)
          case "Planned":
            return ignite()
          case "Off":
            return whenOff === "start" ? ignite() : Effect.fail(notRunning("off"))
          case "Dead":
            return whenOff === "start" ? ignite() : Effect.fail(state.error)
        }
      })
    )

  /** Call it within `transition`: ends a life that can't go on. */
  const condemn = Effect.fnUntraced(function* (life: Life, error: MachineError) {
    state = { _tag: "Dead", error }
    yield* life.incarnation.expectEnd
    yield* life.incarnation.process.stop({ acpi: false })
    yield* Scope.close(life.scope, Exit.void)
    yield* Deferred.fail(life.death, error)
    yield* publishEnd({ died: error })
  })

  const replace = (life: Life) =>
    Effect.fnUntraced(function* (bootId: string, load: Effect.Effect<void, MachineError>) {
      // Sessions of the guest that goes are no news any more.
      if (life.follower !== undefined) yield* Fiber.interrupt(life.follower)
      yield* Effect.tapError(load, (error) => condemn(life, error))
      yield* Queue.clear(life.incarnation.sessions)
      const before = life.boot
      life.boot = makeBoot(bootId)
      yield* Deferred.succeed(life.boot.ready, undefined)
      yield* Deferred.succeed(before.ready, undefined)
      yield* Deferred.succeed(before.superseded, undefined)
      life.follower = yield* Effect.forkIn(followReboots(life), life.scope)
    }, Effect.uninterruptible)

  const exclusively = <A, E>(use: (guest: HeldGuest) => Effect.Effect<A, E>) =>
    transition.withPermit(
      Effect.suspend((): Effect.Effect<A, E | MachineError> => {
        switch (state._tag) {
          case "Up": {
            const { life } = state
            return use({ incarnation: life.incarnation, bootId: life.boot.bootId, replace: replace(life) })
          }
          case "Dead":
            return Effect.fail(state.error)
          default:
            return Effect.fail(notRunning("off"))
        }
      })
    )

  const untilReady = (life: Life): Effect.Effect<Incarnation, MachineError> =>
    Effect.raceFirst(
      Effect.suspend(() => Deferred.await(life.boot.ready)),
      Deferred.await(life.death)
    ).pipe(Effect.map(() => life.incarnation))

  /** Ends the current life on purpose; nothing happens when there is none. */
  const end = (how: string, stop: (life: Life) => Effect.Effect<string>) =>
    transition.withPermit(
      Effect.gen(function* () {
        if (state._tag !== "Up") return
        const { life } = state
        // From here on an end is an answer to us and no death.
        state = { _tag: "Off" }
        yield* life.incarnation.expectEnd
        const rung = yield* stop(life)
        yield* Scope.close(life.scope, Exit.void)
        yield* publishEnd({ how: `${how} (${rung})` })
      })
    )

  const shutdown = (shutdownOptions: ShutdownOptions) =>
    steps.step(
      { kind: "lifecycle", machine: access.name, title: "shutting down" },
      Effect.fnUntraced(function* () {
        const graceMs =
          shutdownOptions.timeout === undefined ? limits.shutdownMs() : yield* limitToMs(shutdownOptions.timeout)
        const farewell = yield* Effect.exit(
          state._tag === "Up" && state.life.incarnation.phase() === "ready"
            ? options.beforeShutdown(state.life.incarnation)
            : Effect.void
        )
        yield* end("shut down", ({ incarnation }) =>
          incarnation.process.stop({
            graceful: incarnation.channel.exec({ command: "systemctl poweroff || poweroff", strict: false }).pipe(
              // The guest ends under the call: its answer may come or not.
              Effect.ignore
            ),
            limits: { graceful: graceMs }
          })
        )
        yield* farewell
      })
    )

  const crash = steps.step({ kind: "lifecycle", machine: access.name, title: "crashing" }, () =>
    end("crashed", ({ incarnation }) => incarnation.process.stop({ acpi: false }))
  )

  const reboot = steps.step(
    { kind: "lifecycle", machine: access.name, title: "rebooting" },
    Effect.fnUntraced(function* () {
      const life = yield* lifeNow("fail")
      yield* untilReady(life)
      const { superseded } = life.boot
      // The guest ends under the call: its answer may come or not.
      yield* inIncarnation(access, life.incarnation, (channel) =>
        Effect.ignore(channel.exec({ command: "systemctl reboot || reboot", strict: false }))
      )
      yield* Effect.raceFirst(Deferred.await(superseded), life.incarnation.death).pipe(
        Effect.timeoutOrElse({ duration: limits.bootMs(), orElse: () => Effect.fail(bootTimedOut(life)) })
      )
      yield* untilReady(life)
    })
  )

  return {
    start: Effect.asVoid(Effect.flatMap(lifeNow("start"), untilReady)),
    shutdown,
    crash,
    reboot,
    running: Effect.flatMap(lifeNow("fail"), untilReady),
    started: Effect.map(lifeNow("fail"), ({ incarnation, death }) => ({
      ...incarnation,
      death: Deferred.await(death)
    })),
    exclusively,
    current: Effect.sync(() => (state._tag === "Up" ? state.life.incarnation : undefined)),
    isUp: Effect.suspend(() =>
      state._tag === "Up"
        ? state.life.incarnation.channel.ping({ timeoutMs: 2000 }).pipe(
            Effect.as(true),
            Effect.orElseSucceed(() => false)
          )
        : Effect.succeed(false)
    ),
    waitForShutdown: (waitOptions) =>
      steps.step(
        { kind: "wait", machine: access.name, title: "waiting for the machine to shut down" },
        Effect.fnUntraced(function* () {
          if (state._tag !== "Up") return
          const { life } = state
          const limitMs = waitOptions.timeout === undefined ? limits.waitMs() : yield* limitToMs(waitOptions.timeout)
          yield* Effect.timeoutOrElse(life.incarnation.ended, {
            duration: limitMs,
            orElse: () => Effect.fail(waitFailure(access, "the machine to shut down", limitMs, "it still runs", []))
          })
        })
      )
  }
})

const makeBoot = (bootId: string | undefined): Boot => ({
  bootId,
  ready: Deferred.makeUnsafe<void, MachineError>(),
  superseded: Deferred.makeUnsafe<void>()
})
