/** The one loop of all waits that have no event to wait for. */
import * as Effect from "effect/Effect"
import type { Evidence } from "./evidence.ts"
import type { GuestAccess } from "./GuestAccess.ts"
import type { MachineContext, OperationError } from "./MachineContext.ts"
import { consoleEvidence, guestStep } from "./MachineContext.ts"
import { TestFailure } from "./TestFailure.ts"
import type { TimeLimit } from "./TimeLimit.ts"
import { limitToMs } from "./TimeLimit.ts"

/** What one look saw: the wait's end, or what to say about it if this was the last look. */
export type PollAttempt<A> =
  | { readonly done: true; readonly value: A }
  | { readonly done: false; readonly seen: string; readonly evidence?: ReadonlyArray<Evidence> }

export interface PollOptions<A> {
  /** As the log shows the wait. */
  readonly title: string
  /** Completes "waited N s for …". */
  readonly waitedFor: string
  /** Default: the machine's limit for waits. */
  readonly timeout?: TimeLimit | undefined
  /** One look; gets the milliseconds that are left. */
  readonly attempt: (leftMs: number) => Effect.Effect<PollAttempt<A>, OperationError>
  /** Gathered once, when the time is over. */
  readonly evidence?: Effect.Effect<ReadonlyArray<Evidence>, OperationError> | undefined
}

/** Pause between two looks: with the look itself an event is seen within 50 ms. */
const PAUSE = "30 millis"

/** Looks until `attempt` is done or the time is over, then fails with what was seen last. */
export const poll = <A>(context: MachineContext, options: PollOptions<A>): Effect.Effect<A, OperationError> =>
  guestStep(
    context,
    { kind: "wait", title: options.title },
    Effect.fnUntraced(function* () {
      const limitMs = options.timeout === undefined ? context.limits.waitMs() : yield* limitToMs(options.timeout)
      const { death } = yield* context.running
      // Between two looks the machine may end as well: the wait's end is that, not that the next look finds no machine.
      return yield* Effect.raceFirst(lookUntil(context, options, limitMs), death)
    })
  )

const lookUntil = Effect.fnUntraced(function* <A>(context: MachineContext, options: PollOptions<A>, limitMs: number) {
  const startedAt = performance.now()
  while (true) {
    const look = yield* options.attempt(limitMs - (performance.now() - startedAt))
    if (look.done) return look.value
    if (performance.now() - startedAt >= limitMs) {
      const more = options.evidence === undefined ? [] : yield* options.evidence
      return yield* waitFailure(context, options.waitedFor, limitMs, look.seen, [...(look.evidence ?? []), ...more])
    }
    yield* Effect.sleep(PAUSE)
  }
})

/** The failure of a wait whose time is over. */
export const waitFailure = (
  context: GuestAccess,
  waitedFor: string,
  limitMs: number,
  lastSeen: string,
  evidence: ReadonlyArray<Evidence>
): TestFailure =>
  new TestFailure({
    machine: context.name,
    reason: { _tag: "WaitTimedOut", waitedFor, seconds: limitMs / 1000, lastSeen },
    evidence: [...evidence, ...consoleEvidence(context)]
  })
