/** A Python that can't run scripts. */
import * as Schema from "effect/Schema"

/** No interpreter of that name. */
export const NotFound = Schema.TaggedStruct("NotFound", { looked: Schema.String })
/** Older than the scripts' own language. */
export const TooOld = Schema.TaggedStruct("TooOld", { command: Schema.String, version: Schema.String })
/** It is there and does not work. */
export const Broken = Schema.TaggedStruct("Broken", { command: Schema.String, detail: Schema.String })

const hint = "name another with --python PATH, or install python3 (3.9 or newer)"

export class PythonError extends Schema.TaggedError<PythonError>()("PythonError", {
  reason: Schema.Union([NotFound, TooOld, Broken])
}) {
  override get message(): string {
    switch (this.reason._tag) {
      case "NotFound":
        return `no Python to run the script with: ${this.reason.looked} is not on PATH`
      case "TooOld":
        return `${this.reason.command} is Python ${this.reason.version}; scripts need 3.9 or newer`
      case "Broken":
        return `${this.reason.command} does not work: ${this.reason.detail}`
    }
  }
  get hint(): string {
    return hint
  }
}
