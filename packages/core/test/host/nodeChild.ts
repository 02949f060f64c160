/** A driver of its own: a Node process that a test may kill. */
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import * as Effect from "effect/Effect"

export interface NodeChild {
  readonly pid: number
  /** The first line that it printed. */
  readonly line: string
  /** Ends it as nothing can prevent, and waits for its end. */
  readonly kill: Effect.Effect<void>
}

export interface NodeChildOptions {
  readonly script: URL
  readonly args?: ReadonlyArray<string>
  readonly env?: Readonly<Record<string, string>>
}

/** Runs a script until the Scope closes; returns when it has printed a line. */
export const nodeChild = (options: NodeChildOptions) =>
  Effect.acquireRelease(
    Effect.callback<NodeChild, Error>((resume) => {
      const child = spawn(process.execPath, [fileURLToPath(options.script), ...(options.args ?? [])], {
        env: { ...process.env, ...options.env },
        stdio: ["ignore", "pipe", "inherit"]
      })
      const ended = new Promise<void>((done) => child.once("exit", () => done()))
      const kill = Effect.promise(() => {
        child.kill("SIGKILL")
        return ended
      })
      child.once("exit", (code, signal) => resume(Effect.die(new Error(`the child ended with ${signal ?? code}`))))
      createInterface({ input: child.stdout }).once("line", (line) =>
        resume(Effect.succeed({ pid: child.pid ?? 0, line, kill }))
      )
    }),
    (child) => child.kill
  )
