/** The progress of one image as lines: a bar for a terminal, now and then a line elsewhere. */
import type { Event } from "@nix-vm-test/core/events/Event"
import * as ByteSize from "effect/ByteSize"
import { formatDuration } from "./formatDuration.ts"
import type { Style } from "./Style.ts"

type Progress = Extract<Event, { readonly _tag: "ImageProgress" }>

/** An activity of an image: where it began, where it is. */
export interface ImageActivity {
  readonly first: Progress
  readonly last: Progress
  /** When a line was last printed, milliseconds since the run began. */
  readonly printedAt: number
}

/** Milliseconds between two lines about one activity, where there is no live line. */
const printEvery = 10_000

const barWidth = 24

const bytes = (count: number): string =>
  ByteSize.format(ByteSize.bytes(Math.max(0, Math.round(count))), {
    system: "binary",
    precision: count < 1024 ** 3 ? 0 : 1
  })

const amount = (progress: Progress): string => {
  const { done, total, unit } = progress
  if (done === undefined) return ""
  const show = unit === "bytes" ? bytes : String
  return total === undefined ? show(done) : `${show(done)} of ${show(total)}`
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
    ? { first: event, last: event, printedAt: event.elapsed }
    : { ...before, last: event }

/** True when a plain line is due: at the beginning, and every ten seconds. */
export const isLineDue = (activity: ImageActivity): boolean =>
  activity.last === activity.first || activity.last.elapsed - activity.printedAt >= printEvery

/** One line: image, what is done, how far, how fast. */
export const activityLine = (activity: ImageActivity, style: Style): string => {
  const { image, text } = activity.last
  const part = share(activity.last)
  const facts = [part === undefined ? "" : `${Math.floor(part * 100)} %`, amount(activity.last), pace(activity)]
  return [`${image}: ${text}`, ...facts.filter((fact) => fact !== "").map(style.dim)].join("  ")
}

/** The same with a bar, for a line that is drawn again and again. */
export const activityBar = (activity: ImageActivity, style: Style): string => {
  const part = share(activity.last)
  if (part === undefined) return activityLine(activity, style)
  const filled = Math.round(part * barWidth)
  const bar = `${"━".repeat(filled)}${style.dim("─".repeat(barWidth - filled))}`
  const percent = `${String(Math.floor(part * 100)).padStart(3)} %`
  const facts = [amount(activity.last), pace(activity)].filter((fact) => fact !== "").map(style.dim)
  return [`${activity.last.image}: ${activity.last.text}`, bar, percent, ...facts].join("  ")
}
