/** Takes secrets out of a run's events, before any reader shows or stores them. */
import type { Event, Failure } from "@nix-vm-test/core/events/Event"
import { makeControlStripper, stripLines } from "./stripControl.ts"
import { makeSecretMask, type SecretMask } from "./SecretMask.ts"

/**
 * A guest's control sequences within a secret would hide it from the mask and vanish on the screen: where they do, the text loses them.
 * A stream, of which only pieces are known, loses all of them.
 */
const seenThrough = (mask: SecretMask): SecretMask => ({
  stream: () => {
    const strip = makeControlStripper()
    const stream = mask.stream()
    return { push: (piece) => stream.push(strip(piece)), end: stream.end }
  },
  whole: (text) => {
    const masked = mask.whole(text)
    const shown = stripLines(masked).join("\n")
    const maskedShown = mask.whole(shown)
    return maskedShown === shown ? masked : maskedShown
  }
})

const maskFailure = (failure: Failure, mask: SecretMask): Failure => ({
  ...failure,
  message: mask.whole(failure.message),
  frames: failure.frames.map((frame) =>
    frame.source === undefined ? frame : { ...frame, source: mask.whole(frame.source) }
  ),
  evidence: failure.evidence.map(({ title, text }) => ({ title: mask.whole(title), text: mask.whole(text) })),
  ...(failure.hint === undefined ? {} : { hint: mask.whole(failure.hint) })
})

/** Names that join events (machines, steps) stay as they are. Output is masked by its streams. */
const maskTexts = (event: Event, mask: SecretMask): Event => {
  switch (event._tag) {
    case "RunFinished":
      return { ...event, failures: event.failures.map((failure) => maskFailure(failure, mask)) }
    case "Notice":
    case "ImageProgress":
    case "ConsoleLine":
    case "Log":
      return { ...event, text: mask.whole(event.text) }
    case "MachineDied":
      return {
        ...event,
        reason: mask.whole(event.reason),
        consoleTail: event.consoleTail.map((line) => mask.whole(line))
      }
    case "MachineStopped":
      return { ...event, how: mask.whole(event.how) }
    case "StepStarted":
      return { ...event, title: mask.whole(event.title) }
    case "StepFinished":
      return event.detail === undefined ? event : { ...event, detail: mask.whole(event.detail) }
    case "ArtifactSaved":
      return { ...event, path: mask.whole(event.path) }
    default:
      return event
  }
}

type Output = Extract<Event, { readonly _tag: "CommandOutput" }>

interface OpenStream {
  readonly last: Output
  readonly mask: ReturnType<SecretMask["stream"]>
}

/**
 * A function that turns each event into what may be shown of it, in order. A secret that is split over chunks of output is found: the
 * chunk's end is kept back and comes with the next one, or as a chunk of its own before the step's end, so events are numbered anew.
 */
export const makeEventMask = (secrets: ReadonlyArray<string>): ((event: Event) => ReadonlyArray<Event>) => {
  const mask = secrets.length === 0 ? makeSecretMask([]) : seenThrough(makeSecretMask(secrets))
  const open = new Map<string, OpenStream>()
  let sequence = 0

  const output = (event: Output): ReadonlyArray<Event> => {
    const key = `${event.step} ${event.stream}`
    const stream = open.get(key)?.mask ?? mask.stream()
    open.set(key, { last: event, mask: stream })
    return [{ ...event, text: stream.push(event.text) }]
  }
  const rests = (at: Event, belongs: (output: Output) => boolean): ReadonlyArray<Event> =>
    [...open].flatMap(([key, stream]) => {
      if (!belongs(stream.last)) return []
      open.delete(key)
      const text = stream.mask.end()
      return text === "" ? [] : [{ ...stream.last, time: at.time, elapsed: at.elapsed, text }]
    })
  const masked = (event: Event): ReadonlyArray<Event> => {
    switch (event._tag) {
      case "CommandOutput":
        return output(event)
      case "StepFinished":
        return [...rests(event, ({ step }) => step === event.step), maskTexts(event, mask)]
      case "RunFinished":
        return [...rests(event, () => true), maskTexts(event, mask)]
      default:
        return [maskTexts(event, mask)]
    }
  }
  return (event) => masked(event).map((next) => ({ ...next, sequence: sequence++ }))
}
