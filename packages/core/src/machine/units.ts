/** systemd units of the guest. */
import * as Effect from "effect/Effect"
import type { CommandResult } from "./commands.ts"
import { outputEvidence, runQuietly } from "./commands.ts"
import type { Evidence } from "./evidence.ts"
import { evidenceOf } from "./evidence.ts"
import type { MachineContext, OperationError } from "./MachineContext.ts"
import { guestStep } from "./MachineContext.ts"
import type { PollAttempt } from "./poll.ts"
import { poll } from "./poll.ts"
import { shellQuote } from "./shellQuote.ts"
import { TestFailure } from "./TestFailure.ts"
import type { TimeLimit } from "./TimeLimit.ts"

export interface UnitOptions {
  /** Asks this user's own service manager instead of the system's. */
  readonly user?: string
}

/** Properties of a unit by name, as `systemctl show` gives them. */
export type UnitInfo = Readonly<Record<string, string>>

const notPossible = (context: MachineContext): TestFailure =>
  new TestFailure({
    machine: context.name,
    reason: {
      _tag: "NotPossible",
      detail: `this guest has no systemd (its init is ${context.plan.image.facts.init}): unit calls don't work here, use exec() with its own service tools`
    },
    evidence: []
  })

const whose = (options: UnitOptions): string => (options.user === undefined ? "" : ` with user "${options.user}"`)

const runSystemctl = (context: MachineContext, query: string, options: UnitOptions) => {
  if (context.plan.image.facts.init !== "systemd") return Effect.fail(notPossible(context))
  return options.user === undefined
    ? runQuietly(context, `systemctl --no-pager ${query}`)
    : runQuietly(context, `export XDG_RUNTIME_DIR=/run/user/$(id -u); systemctl --user --no-pager ${query}`, {
        user: options.user
      })
}

/** Runs `systemctl QUERY` and gives its result, whatever the exit code. */
export const systemctl = (
  context: MachineContext,
  query: string,
  options: UnitOptions = {}
): Effect.Effect<CommandResult, OperationError> =>
  guestStep(context, { kind: "command", title: `systemctl ${query}${whose(options)}` }, () =>
    runSystemctl(context, query, options)
  )

const parseProperties = (text: string): UnitInfo => {
  const info: Record<string, string> = {}
  for (const line of text.split("\n")) {
    const split = line.indexOf("=")
    if (split > 0) info[line.slice(0, split)] = line.slice(split + 1)
  }
  return info
}

const show = Effect.fnUntraced(function* (
  context: MachineContext,
  unit: string,
  properties: ReadonlyArray<string>,
  options: UnitOptions
) {
  const selection = properties.map((property) => `--property=${shellQuote(property)} `).join("")
  const result = yield* runSystemctl(context, `show ${selection}-- ${shellQuote(unit)}`, options)
  if (result.exitCode !== 0) {
    return yield* new TestFailure({
      machine: context.name,
      reason: {
        _tag: "UnitNotShown",
        unit,
        asked: properties.length === 0 ? "systemctl info" : `systemctl property "${properties.join('", "')}"`,
        ...(options.user === undefined ? {} : { user: options.user }),
        exitCode: result.exitCode
      },
      evidence: outputEvidence(result)
    })
  }
  return parseProperties(result.text)
})

/** All properties of a unit. */
export const getUnitInfo = (
  context: MachineContext,
  unit: string,
  options: UnitOptions = {}
): Effect.Effect<UnitInfo, OperationError> => show(context, unit, [], options)

/** One property of a unit; a name that systemd does not know is a failure. */
export const getUnitProperty = Effect.fnUntraced(function* (
  context: MachineContext,
  unit: string,
  property: string,
  options: UnitOptions = {}
) {
  const value = (yield* show(context, unit, [property], options))[property]
  if (value !== undefined) return value
  return yield* new TestFailure({
    machine: context.name,
    reason: { _tag: "UnitFailed", unit, detail: `has no property "${property}"` },
    evidence: []
  })
})

/** A unit's status and the end of its journal, for errors. */
const unitEvidence = (context: MachineContext, unit: string, options: UnitOptions) =>
  Effect.map(
    runSystemctl(context, `status --full --lines=20 -- ${shellQuote(unit)} 2>&1`, options),
    (result): ReadonlyArray<Evidence> => evidenceOf(`systemctl status ${unit}`, result.text)
  )

/** Fails unless the unit is in the given state (default `active`) right now. */
export const requireUnitState = (
  context: MachineContext,
  unit: string,
  state: string = "active",
  options: UnitOptions = {}
): Effect.Effect<void, OperationError> =>
  guestStep(
    context,
    { kind: "command", title: `checking if unit '${unit}' has reached state '${state}'` },
    Effect.fnUntraced(function* () {
      const actual = yield* getUnitProperty(context, unit, "ActiveState", options)
      if (actual === state) return
      return yield* new TestFailure({
        machine: context.name,
        reason: { _tag: "UnitInOtherState", unit, expected: state, actual },
        evidence: yield* unitEvidence(context, unit, options)
      })
    })
  )

/** `systemctl start UNIT`. */
export const startJob = (context: MachineContext, unit: string, options: UnitOptions = {}) =>
  systemctl(context, `start -- ${shellQuote(unit)}`, options)

/** `systemctl stop UNIT`. */
export const stopJob = (context: MachineContext, unit: string, options: UnitOptions = {}) =>
  systemctl(context, `stop -- ${shellQuote(unit)}`, options)

const unitFailed = (context: MachineContext, unit: string, detail: string, evidence: ReadonlyArray<Evidence>) =>
  new TestFailure({ machine: context.name, reason: { _tag: "UnitFailed", unit, detail }, evidence })

/**
 * Waits until a unit is active. Ends early, with status and journal, when the unit failed, or is inactive with no job pending
 * that could start it. Default limit 15 min.
 */
export const waitForUnit = (
  context: MachineContext,
  unit: string,
  options: UnitOptions & { readonly timeout?: TimeLimit } = {}
): Effect.Effect<void, OperationError> =>
  poll(context, {
    title: `waiting for unit ${unit}${whose(options)}`,
    waitedFor: `unit "${unit}"${whose(options)} to become active`,
    timeout: options.timeout,
    evidence: unitEvidence(context, unit, options),
    attempt: Effect.fnUntraced(function* (): Effect.fn.Return<PollAttempt<void>, OperationError> {
      const info = yield* show(context, unit, ["ActiveState", "SubState"], options)
      const state = info["ActiveState"]
      if (state === "active") return { done: true, value: undefined }
      if (state === "failed") {
        return yield* unitFailed(context, unit, 'reached state "failed"', yield* unitEvidence(context, unit, options))
      }
      if (state === "inactive") {
        const jobs = yield* runSystemctl(context, "list-jobs --full", options)
        if (jobs.text.includes("No jobs")) {
          // A job may have ended between the two questions.
          const again = yield* show(context, unit, ["ActiveState"], options)
          if (again["ActiveState"] === "inactive") {
            return yield* unitFailed(
              context,
              unit,
              "is inactive and there are no pending jobs",
              yield* unitEvidence(context, unit, options)
            )
          }
        }
      }
      return { done: false, seen: `${state ?? "unknown"} (${info["SubState"] ?? "unknown"})` }
    })
  })
