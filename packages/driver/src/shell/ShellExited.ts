import * as Schema from "effect/Schema"

/** A shell ended with a code of its own, which becomes the command's; nothing is to be said about it. */
export class ShellExited extends Schema.TaggedError<ShellExited>()("ShellExited", { exitCode: Schema.Int }) {
  override get message(): string {
    return `the shell ended with exit code ${this.exitCode}`
  }
}
