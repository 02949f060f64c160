/** Text that a machine shows, as a Python script asks for it: console, terminals, windows. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { askedMatcher } from "./askedMatcher.ts"
import { machineOperation } from "./Operation.ts"

const none = Schema.Struct({})
const Tty = Schema.Struct({ tty: Schema.String })
const pattern = { pattern: Schema.String }
const timeout = { timeout: Schema.Finite }

/** As long as the test: NixOS' driver waits for the console without a limit of its own. */
const noLimit = "365d"

export const consoleOperations = {
  waitForConsoleText: machineOperation(
    Schema.Struct({ ...pattern, timeout: Schema.NullOr(Schema.Finite) }),
    (machine, args, context) =>
      Effect.map(
        machine.waitForConsoleText(askedMatcher(args.pattern, context), { timeout: args.timeout ?? noLimit }),
        (value) => ({ value })
      )
  ),
  getConsoleLog: machineOperation(none, (machine) => Effect.map(machine.getConsoleLog(), (value) => ({ value }))),
  sendConsole: machineOperation(Schema.Struct({ text: Schema.String }), (machine, { text }) =>
    Effect.as(machine.sendConsole(text), {})
  ),
  getTtyText: machineOperation(Tty, (machine, { tty }) => Effect.map(machine.getTtyText(tty), (value) => ({ value }))),
  waitUntilTtyMatches: machineOperation(
    Schema.Struct({ tty: Schema.String, ...pattern, ...timeout }),
    (machine, { tty, ...args }, context) =>
      Effect.as(machine.waitUntilTtyMatches(tty, askedMatcher(args.pattern, context), args), {})
  ),
  dumpTtyContents: machineOperation(Tty, (machine, { tty }) => Effect.as(machine.dumpTtyContents(tty), {})),
  waitForX: machineOperation(Schema.Struct(timeout), (machine, options) => Effect.as(machine.waitForX(options), {})),
  getWindowNames: machineOperation(none, (machine) => Effect.map(machine.getWindowNames(), (value) => ({ value }))),
  waitForWindow: machineOperation(Schema.Struct({ ...pattern, ...timeout }), (machine, args, context) =>
    Effect.as(machine.waitForWindow(askedMatcher(args.pattern, context), args), {})
  )
}
