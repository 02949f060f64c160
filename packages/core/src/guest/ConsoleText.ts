/** The text of a console as it grows: cut into lines, bounded, searched. Pure but for the clock that stamps lines. */
import { stripVTControlCharacters } from "node:util"
import * as Effect from "effect/Effect"
import type { TextMatch, TextMatcher } from "./TextMatcher.ts"

export interface ConsoleLine {
  /** As the guest wrote it, control sequences included, without carriage returns. */
  readonly text: string
  /** Host wall clock of its end, milliseconds since the epoch. */
  readonly time: number
}

/** A longer line is cut: a guest that never ends a line must not make every search and append dearer. */
const maxLineCharacters = 64 * 1024

/** Beyond the limit this share is kept, so that dropping is rare. */
const keptShare = 0.9

const withoutReturns = (text: string): string => (text.includes("\r") ? text.replaceAll("\r", "") : text)
const plain = (text: string): string => (text.includes("\u001b") ? stripVTControlCharacters(text) : text)

export class ConsoleText {
  readonly #maxCharacters: number
  readonly #decoder = new TextDecoder()
  #lines: Array<ConsoleLine> = []
  #characters = 0
  /** The line being written. */
  #partial = ""
  /** Plain lines that no search has consumed; the first may be the rest of one. */
  #unmatched: Array<string> = []
  /** How much of the line being written, made plain, was consumed. */
  #partialConsumed = 0
  /** Counts what took away from the beginning of what was not consumed. */
  #generation = 0

  constructor(maxCharacters: number) {
    this.#maxCharacters = maxCharacters
  }

  /** Adds what came; gives the lines that it completed. */
  push(chunk: Uint8Array): ReadonlyArray<ConsoleLine> {
    return this.#append(this.#decoder.decode(chunk, { stream: true }))
  }

  /** The console has ended: what stands in the last line is a line. */
  finish(): ReadonlyArray<ConsoleLine> {
    const completed = this.#append(this.#decoder.decode())
    return this.#partial === "" ? completed : [...completed, this.#complete()]
  }

  #append(text: string): ReadonlyArray<ConsoleLine> {
    const completed: Array<ConsoleLine> = []
    let from = 0
    while (from < text.length) {
      const room = maxLineCharacters - this.#partial.length
      const newline = text.indexOf("\n", from)
      const end = newline < 0 ? text.length : newline
      if (end - from > room) {
        this.#partial += text.slice(from, from + room)
        from += room
        completed.push(this.#complete())
        continue
      }
      this.#partial += text.slice(from, end)
      from = end + 1
      if (newline >= 0) {
        completed.push(this.#complete())
      }
    }
    return completed
  }

  #complete(): ConsoleLine {
    const line: ConsoleLine = { text: withoutReturns(this.#partial), time: Date.now() }
    this.#partial = ""
    this.#lines.push(line)
    this.#characters += line.text.length
    this.#unmatched.push(plain(line.text).slice(this.#partialConsumed))
    this.#partialConsumed = 0
    if (this.#characters > this.#maxCharacters) {
      this.#dropOldest()
    }
    return line
  }

  #dropOldest(): void {
    let dropped = 0
    while (this.#characters > this.#maxCharacters * keptShare && dropped < this.#lines.length) {
      this.#characters -= this.#lines[dropped]?.text.length ?? 0
      dropped++
    }
    this.#lines = this.#lines.slice(dropped)
    this.#unmatched = this.#unmatched.slice(-Math.max(1, this.#lines.length))
    this.#generation++
  }

  lines(): ReadonlyArray<ConsoleLine> {
    return [...this.#lines]
  }

  text(): string {
    return [...this.#lines.map((line) => line.text), withoutReturns(this.#partial)].join("\n")
  }

  tail(count: number): ReadonlyArray<string> {
    const current = withoutReturns(this.#partial)
    const complete = this.#lines.slice(-Math.max(1, count)).map((line) => line.text)
    const all = current === "" ? complete : [...complete, current]
    return count <= 0 ? [] : all.slice(-count)
  }

  /**
   * The first match in what was not consumed yet, which is then consumed up to the match's end. Lines are joined by newlines and, in a second
   * try, by nothing. Text that comes while the matcher looks is looked at by the next call.
   */
  take<E>(matcher: TextMatcher<E>): Effect.Effect<TextMatch | undefined, E> {
    return Effect.gen({ self: this }, function* () {
      while (true) {
        const generation = this.#generation
        const lines = this.#unconsumedLines()
        const separate = yield* matcher.find(lines.join("\n"))
        const found = separate ?? (yield* matcher.find(lines.join("")))
        if (found === undefined) return undefined
        // What began the text may be gone by now: by another search, or because there was too much of it.
        if (generation !== this.#generation) continue
        this.#consume(this.#unconsumedLines(), found.end, separate === undefined ? 0 : 1)
        this.#generation++
        return found
      }
    })
  }

  #unconsumedLines(): ReadonlyArray<string> {
    return [...this.#unmatched, plain(withoutReturns(this.#partial)).slice(this.#partialConsumed)]
  }

  /** Forgets the first characters of the lines, between which `separatorLength` characters count. */
  #consume(lines: ReadonlyArray<string>, characters: number, separatorLength: number): void {
    let left = characters
    let index = 0
    for (
      let line = lines[index];
      line !== undefined && index < lines.length - 1 && left > line.length;
      line = lines[index]
    ) {
      left -= line.length + separatorLength
      index++
    }
    const rest = lines[index]?.slice(Math.max(0, left)) ?? ""
    if (index === lines.length - 1) {
      this.#partialConsumed += lines[index] === undefined ? 0 : Math.min(left, lines[index]?.length ?? 0)
      this.#unmatched = []
    } else {
      this.#unmatched = [rest, ...lines.slice(index + 1, -1)]
    }
  }
}
