/** What a Python script prints, as lines of the report. */
import type { EventBusShape } from "@nix-vm-test/core/events/EventBus"

/** Cuts two streams into lines; those that come before there is a bus wait for it. */
export class ScriptOutput {
  readonly #decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() }
  readonly #unended = { stdout: "", stderr: "" }
  readonly #early: Array<string> = []
  #bus: EventBusShape | undefined

  readonly push = (stream: "stdout" | "stderr", chunk: Uint8Array): void => {
    const lines = (this.#unended[stream] + this.#decoders[stream].decode(chunk, { stream: true })).split("\n")
    this.#unended[stream] = lines.pop() ?? ""
    for (const line of lines) this.#write(line)
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
  }

  #write(text: string): void {
    if (this.#bus === undefined) this.#early.push(text)
    else this.#bus.publishUnsafe({ _tag: "Log", level: "info", text })
  }
}
