/**
 * A run on disk: every event as a line of `events.jsonl`, each machine's console as a text file; and the way back.
 */
import { Event } from "@nix-vm-test/core/events/Event"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import type * as PlatformError from "effect/PlatformError"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { makeEventMask } from "./maskEvents.ts"

/** Name of the events' file in the output directory. */
export const eventLogName = "events.jsonl"

/** Name of a machine's console file in the output directory. */
export const consoleLogName = (machine: string): string => `${encodeURIComponent(machine)}.console.log`

export const EventLogErrorReason = Schema.Union([
  Schema.TaggedStruct("Unwritable", { path: Schema.String, detail: Schema.String }),
  Schema.TaggedStruct("Unreadable", { path: Schema.String, detail: Schema.String }),
  /** A line is no event of this version; `line` counts from 1. */
  Schema.TaggedStruct("NotAnEvent", { path: Schema.String, line: Schema.Int, detail: Schema.String })
])
export type EventLogErrorReason = typeof EventLogErrorReason.Type

export class EventLogError extends Schema.TaggedError<EventLogError>()("EventLogError", {
  reason: EventLogErrorReason
}) {
  override get message(): string {
    switch (this.reason._tag) {
      case "Unwritable":
        return `can't write ${this.reason.path}: ${this.reason.detail}`
      case "Unreadable":
        return `can't read ${this.reason.path}: ${this.reason.detail}`
      case "NotAnEvent":
        return `${this.reason.path}, line ${this.reason.line}: ${this.reason.detail}`
    }
  }
}

const decodeLine = Schema.decodeUnknownResult(Schema.fromJsonString(Schema.Unknown))
const decodeEvent = Schema.decodeUnknownResult(Event)
const decodeTag = Schema.decodeUnknownOption(Schema.Struct({ _tag: Schema.String }))
const encodeEvent = Schema.encodeSync(Schema.fromJsonString(Event))

export interface EventLog {
  /** Appends events, their secrets masked. */
  readonly append: (events: ReadonlyArray<Event>) => Effect.Effect<void, EventLogError>
}

const fileError = (_tag: "Unwritable" | "Unreadable", path: string) => (error: PlatformError.PlatformError) =>
  new EventLogError({ reason: { _tag, path, detail: error.reason.message } })

/** A file that lines are appended to, opened with the first of them. */
const makeLineFile = Effect.fnUntraced(function* (path: string) {
  const fs = yield* FileSystem.FileSystem
  const scope = yield* Effect.scope
  const encoder = new TextEncoder()
  const file = yield* Effect.cached(fs.open(path, { flag: "w" }).pipe(Scope.provide(scope)))
  return (lines: ReadonlyArray<string>): Effect.Effect<void, EventLogError> =>
    file.pipe(
      Effect.flatMap((opened) => opened.writeAll(encoder.encode(lines.map((line) => `${line}\n`).join("")))),
      Effect.mapError(fileError("Unwritable", path))
    )
})

/** Opens a run's files in a directory, which is made where it is missing; files of an earlier run are overwritten. */
export const makeEventLog = Effect.fn("EventLog.make")(function* (options: {
  readonly directory: string
  readonly secrets: ReadonlyArray<string>
}): Effect.fn.Return<EventLog, EventLogError, FileSystem.FileSystem | Scope.Scope> {
  const { directory } = options
  const fs = yield* FileSystem.FileSystem
  const context = yield* Effect.context<FileSystem.FileSystem | Scope.Scope>()
  const mask = makeEventMask(options.secrets)
  yield* fs.makeDirectory(directory, { recursive: true }).pipe(Effect.mapError(fileError("Unwritable", directory)))
  const appendEvents = yield* makeLineFile(`${directory}/${eventLogName}`)
  const consoles = new Map<string, Effect.Success<ReturnType<typeof makeLineFile>>>()

  const appendConsole = Effect.fnUntraced(function* (machine: string, lines: ReadonlyArray<string>) {
    const known = consoles.get(machine)
    const append = known ?? (yield* makeLineFile(`${directory}/${consoleLogName(machine)}`))
    consoles.set(machine, append)
    yield* append(lines)
  }, Effect.provide(context))

  const append = Effect.fnUntraced(function* (events: ReadonlyArray<Event>) {
    const masked = events.flatMap(mask)
    if (masked.length > 0) yield* appendEvents(masked.map((event) => encodeEvent(event)))
    const lines = masked.filter((event) => event._tag === "ConsoleLine")
    for (const [machine, written] of Map.groupBy(lines, (line) => line.machine)) {
      yield* appendConsole(
        machine,
        written.map(({ text }) => text)
      )
    }
  })
  return { append }
})

/** Why a line is no event, in a few words: the schema of all events together would be a page. */
const decodeEventLine = (line: string): Result.Result<Event, string> =>
  Result.gen(function* () {
    const json = yield* Result.mapError(decodeLine(line), () => "not JSON")
    const tag = Option.map(decodeTag(json), ({ _tag }) => _tag)
    const known = Event.members.find((member) => Option.contains(tag, member.fields._tag.schema.literal))
    if (known === undefined) {
      return yield* Result.fail(
        Option.match(tag, {
          onNone: () => "no event: it has no _tag",
          onSome: (name) => `unknown event ${JSON.stringify(name)}: written by another version?`
        })
      )
    }
    return yield* Result.mapError(decodeEvent(json), ({ message }) => message)
  })

/**
 * The events of a file, one after the other. A last line that is cut off is left out: the driver was killed while it wrote.
 */
export const readEventLog = (path: string): Stream.Stream<Event, EventLogError, FileSystem.FileSystem> =>
  Stream.unwrap(Effect.map(FileSystem.FileSystem, (fs) => fs.stream(path))).pipe(
    Stream.mapError(fileError("Unreadable", path)),
    Stream.decodeText(),
    Stream.splitLines,
    Stream.mapAccumEffect(
      (): { readonly line: number; readonly problem?: string } => ({ line: 0 }),
      ({ line, problem }, text) =>
        // Only a further line shows that the one before was not the last.
        problem === undefined
          ? Effect.succeed(
              Result.match(decodeEventLine(text), {
                onSuccess: (event) => [{ line: line + 1 }, [event]] as const,
                onFailure: (detail) => [{ line: line + 1, problem: detail }, []] as const
              })
            )
          : Effect.fail(new EventLogError({ reason: { _tag: "NotAnEvent", path, line, detail: problem } }))
    )
  )
