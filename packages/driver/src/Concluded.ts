import { Verdict } from "@nix-vm-test/core/events/Event"
import * as Schema from "effect/Schema"

/** How a command ends that has told the user everything itself: only the exit code is left to do. */
export class Concluded extends Schema.TaggedError<Concluded>()("Concluded", { verdict: Verdict }) {
  override get message(): string {
    return `the command ended with the verdict ${this.verdict}`
  }
}
