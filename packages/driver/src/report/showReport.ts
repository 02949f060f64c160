/** `nix-vm-test report LOG`: a run from its events, as it was seen when it ran. */
import * as fs from "node:fs/promises"
import * as path from "node:path"
import { UsageError } from "@nix-vm-test/core/run/UsageError"
import { eventLogName, readEventLog } from "@nix-vm-test/report/EventLog"
import { makeTerminalReport } from "@nix-vm-test/report/Terminal"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { wantsColor } from "../wantsColor.ts"

export interface ShowReportOptions {
  readonly log: string
  readonly console: "all" | "failure" | "none"
  readonly noColor: boolean
}

const fileOf = (log: string): Effect.Effect<string, UsageError> =>
  Effect.tryPromise({
    try: async () => ((await fs.stat(log)).isDirectory() ? path.join(log, eventLogName) : log),
    catch: () => new UsageError({ text: `${log} does not exist`, hint: `name a folder that "run --output" wrote to` })
  })

/** Shows all events of a log; secrets are masked in it already. */
export const showReport = Effect.fn("driver.showReport")(function* (options: ShowReportOptions) {
  const report = makeTerminalReport({
    color: wantsColor(process.stdout, options),
    interactive: process.stdout.isTTY,
    console: options.console,
    secrets: [],
    width: process.stdout.columns ?? 100,
    write: (text) => void process.stdout.write(text)
  })
  yield* readEventLog(yield* fileOf(options.log)).pipe(
    Stream.runForEach((event) => Effect.sync(() => report.event(event))),
    Effect.andThen(Effect.sync(report.breakOff)),
    Effect.ensuring(Effect.sync(report.end))
  )
})
