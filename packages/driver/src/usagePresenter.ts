import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as CliOutput from "effect/cli/CliOutput"

/**
 * Puts wrong usage on stderr, as the error and where to read on; the whole help only where nothing was said at all.
 *
 * Help and version that were asked for stay on stdout.
 */
export const usagePresenter: CliOutput.Presenter = {
  present: Effect.fnUntraced(function* (event) {
    const formatter = yield* CliOutput.Formatter
    if (event._tag === "InvalidInvocation") {
      const messages = event.errors.map((error) => error.message).join("\n")
      return yield* Console.error(`nix-vm-test: ${messages}\nSee: ${event.commandPath.join(" ")} --help`)
    }
    if (event._tag === "Help" && event.reason === "Implicit")
      return yield* Console.error(formatter.formatHelpDoc(event.helpDoc))
    return yield* CliOutput.defaultPresenter.present(event)
  })
}
