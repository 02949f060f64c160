/** What a Python script prints, as lines of the report. */
import type { EventBusShape } from "@nix-vm-test/core/events/EventBus"
import { sizeText } from "../sizeText.ts"

export interface ScriptOutputOptions {
  /** Most bytes that are shown; what comes after them is counted only. Default 16 MiB. */
  readonly mostBytes?: number
}

/** A longer line is shown in pieces: one without an end must not fill the memory. */
const longestLine = 64 * 1024

/** Cuts two streams into lines; those that come before there is a bus wait for it. */
export class ScriptOutput {
  readonly #decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() }
  readonly #unended = { stdout: "", stderr: "" }
  readonly #early: Array<string> = []
  readonly #mostBytes: number
  #bytes = 0
  #dropped = 0
  #bus: EventBusShape | undefined

  constructor({ mostBytes = 16 * 1024 ** 2 }: ScriptOutputOptions = {}) {
    this.#mostBytes = mostBytes
  }

  readonly push = (stream: "stdout" | "stderr", chunk: Uint8Array): void => {
    const shown = chunk.subarray(0, Math.max(0, this.#mostBytes - this.#bytes))
    this.#bytes += shown.length
    this.#dropped += chunk.length - shown.length
    if (shown.length === 0) return
    const lines = (this.#unended[stream] + this.#decoders[stream].decode(shown, { stream: true })).split("\n")
    let rest = lines.pop() ?? ""
    for (const line of lines) this.#write(line)
    for (; rest.length > longestLine; rest = rest.slice(longestLine)) this.#write(rest.slice(0, longestLine))
    this.#unended[stream] = rest
  }

  /** From now on lines go to this run's report. */
  publishTo(bus: EventBusShape): void {
    this.#bus = bus
    for (const line of this.#early.splice(0)) this.#write(line)
  }

  /** The last line may have no end. */
  flush(): void {
    for (const stream of ["stdout", "stderr"] as const) {
      if (this.#unended[stream] !== "") this.#write(this.#unended[stream])
      this.#unended[stream] = ""
    }
    if (this.#dropped === 0) return
    this.#bus?.publishUnsafe({
      _tag: "Log",
      level: "warning",
      text: `the script printed ${sizeText(this.#mostBytes)} and ${sizeText(this.#dropped)} more, which are not shown: write so much to a file`
    })
    this.#dropped = 0
  }

  #write(text: string): void {
    if (this.#bus === undefined) this.#early.push(text)
    else this.#bus.publishUnsafe({ _tag: "Log", level: "info", text })
  }
}
