/** A Python script of a test, from a file or written into the spec. */
import * as fs from "node:fs/promises"
import * as path from "node:path"
import * as Effect from "effect/Effect"

export interface PythonScript {
  /** As tracebacks name it: its path, or `<script>` for text of a spec. */
  readonly file: string
  readonly text: string
  /** Where modules are looked for first; absent for text of a spec. */
  readonly directory: string | undefined
}

/** The script of a file, which has been found to be one. */
export const pythonScriptOfFile = (file: string): Effect.Effect<PythonScript> =>
  Effect.map(
    Effect.promise(() => fs.readFile(file, "utf8")),
    (text) => ({ file, text, directory: path.dirname(file) })
  )

/** A script that is a text. */
export const pythonScriptOfText = (text: string): PythonScript => ({ file: "<script>", text, directory: undefined })
