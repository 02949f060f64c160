/** Runs one of the test's child programs to its end, where asked inside namespaces in which it may mount. */
import { spawn } from "node:child_process"
import * as Effect from "effect/Effect"

export interface NodeRun {
  readonly script: URL
  readonly args: ReadonlyArray<string>
  /** Shell code that runs first, as root of a user and mount namespace of its own. */
  readonly mounts?: string | undefined
}

export interface NodeOutcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export const runNode = (run: NodeRun): Effect.Effect<NodeOutcome> =>
  Effect.callback((resume) => {
    const program = [process.execPath, run.script.pathname, ...run.args]
    const command =
      run.mounts === undefined
        ? program
        : ["unshare", "--map-root-user", "--mount", "--", "bash", "-ec", `${run.mounts}\nexec "$@"`, "bash", ...program]
    const [file = "", ...args] = command
    const child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"] })
    const output = { stdout: "", stderr: "" }
    child.stdout.setEncoding("utf8").on("data", (text: string) => (output.stdout += text))
    child.stderr.setEncoding("utf8").on("data", (text: string) => (output.stderr += text))
    child.once("error", (error) => resume(Effect.die(error)))
    child.once("close", (code) => resume(Effect.succeed({ code, ...output })))
    return Effect.sync(() => child.kill("SIGKILL"))
  })
