/** The progress of one image as lines: a bar for a terminal, now and then a line elsewhere. */
import type { Event } from "@nix-vm-test/core/events/Event"
import * as ByteSize from "effect/ByteSize"
import { formatClock } from "./formatClock.ts"
import { formatDuration } from "./formatDuration.ts"
import type { Style } from "./Style.ts"

type Progress = Extract<Event, { readonly _tag: "ImageProgress" }>

/** An activity of an image: where it began, where it is. */
export interface ImageActivity {
  readonly first: Progress
  readonly last: Progress
  /** When the image's first activity began, milliseconds since the run began. */
  readonly since: number
  /** The event of the line that was printed last, where there is no live line. */
  readonly printed?: Progress
}

/** Milliseconds between two lines about one download, where there is no live line. */
const printEvery = 10_000

const barWidth = 24

const bytes = (count: number): string =>
  ByteSize.format(ByteSize.bytes(Math.max(0, Math.round(count))), {
    system: "binary",
    precision: count < 1024 ** 3 ? 0 : 1
  })

/** Bytes so far; of steps the one that runs, since `done` counts those that are over. */
const amount = ({ done, total, unit }: Progress): string => {
  if (done === undefined) return ""
  if (unit === "steps")
    return total === undefined ? `step ${done + 1}` : `step ${Math.min(done + 1, total)} of ${total}`
  return total === undefined ? bytes(done) : `${bytes(done)} of ${bytes(total)}`
}

const share = ({ done, total }: Progress): number | undefined =>
  done === undefined || total === undefined || total <= 0 ? undefined : Math.min(1, Math.max(0, done / total))

/** Whole seconds: an estimate is no more exact. */
const timeLeft = (seconds: number): string =>
  seconds < 60 ? `${Math.ceil(seconds)} s` : formatDuration(Math.ceil(seconds) * 1000)

/** Bytes a second and what is left, from the activity's beginning on; nothing before there is something to go by. */
const pace = ({ first, last }: ImageActivity): string => {
  const seconds = (last.elapsed - first.elapsed) / 1000
  const progressed = (last.done ?? 0) - (first.done ?? 0)
  if (last.unit !== "bytes" || seconds < 0.5 || progressed <= 0) return ""
  const rate = progressed / seconds
  return `${bytes(rate)}/s${last.total === undefined ? "" : `, ${timeLeft((last.total - (last.done ?? 0)) / rate)} left`}`
}

/** The activity after a further event; a new one when the image begins something else. */
export const continueActivity = (before: ImageActivity | undefined, event: Progress): ImageActivity =>
  before === undefined || before.last.activity !== event.activity
    ? { first: event, last: event, since: before?.since ?? event.elapsed }
    : { ...before, last: event }

/** True when a plain line is due: for every new step, and of a long one every ten seconds. */
export const isLineDue = ({ last, printed }: ImageActivity): boolean =>
  printed === undefined ||
  printed.text !== last.text ||
  (last.unit === "bytes" && last.elapsed - printed.elapsed >= printEvery)

const percent = (part: number): string => `${Math.floor(part * 100)} %`

/** How far and how fast; of a download that has only begun, how much it is. */
const plainFacts = (activity: ImageActivity): ReadonlyArray<string> => {
  const { last } = activity
  const part = share(last)
  if (last.unit !== "bytes" || last.total === undefined || part === undefined) return [amount(last), pace(activity)]
  return part < 0.01 ? [bytes(last.total)] : [percent(part), amount(last), pace(activity)]
}

/** One line: image, what is done, how far, how fast. */
export const activityLine = (activity: ImageActivity, style: Style): string => {
  const { image, text } = activity.last
  return [
    `${image}: ${text}`,
    ...plainFacts(activity)
      .filter((fact) => fact !== "")
      .map(style.dim)
  ].join("  ")
}

/** The same with a bar, for a line that is drawn again and again; `now` is milliseconds since the run began. */
export const activityBar = (activity: ImageActivity, now: number, style: Style): string => {
  const { image, text, unit } = activity.last
  const part = share(activity.last)
  if (part === undefined) return activityLine(activity, style)
  const filled = Math.round(part * barWidth)
  const bar = `${"━".repeat(filled)}${style.dim("─".repeat(barWidth - filled))}`
  // Steps are of different lengths: the time shows that it goes on.
  const progressed = unit === "steps" ? formatClock(now - activity.since) : pace(activity)
  const facts = [amount(activity.last), progressed].filter((fact) => fact !== "").map(style.dim)
  return [`${image}: ${text}`, bar, percent(part).padStart(5), ...facts].join("  ")
}

/** The line that stays when the image is there. */
export const readyLine = (activity: ImageActivity | undefined, ready: Progress, style: Style): string => {
  const line = `${ready.image}: ${ready.text}`
  return activity === undefined
    ? line
    : `${line}  ${style.dim(`after ${formatDuration(ready.elapsed - activity.since)}`)}`
}
