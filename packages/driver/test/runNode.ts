import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"

export interface Ended {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunNodeOptions {
  /** Path relative to this folder. */
  readonly script: string
  readonly args?: ReadonlyArray<string>
  readonly env?: Readonly<Record<string, string>>
  /** Text for its stdin, which is empty without. */
  readonly stdin?: string
  /** Called with all of stdout so far; what it returns is sent to the process as a signal. */
  readonly onOutput?: (stdout: string) => NodeJS.Signals | undefined
}

/** Runs a script by Node in a process of its own, as users do. */
export const runNode = ({ script, args = [], env = {}, stdin = "", onOutput }: RunNodeOptions): Promise<Ended> =>
  new Promise((resolve, reject) => {
    const path = fileURLToPath(new URL(script, import.meta.url))
    const child = spawn(process.execPath, [path, ...args], {
      env: { ...process.env, NO_COLOR: "1", ...env },
      stdio: ["pipe", "pipe", "pipe"]
    })
    child.stdin.end(stdin)
    let stdout = ""
    let stderr = ""
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      stdout += chunk
      const signal = onOutput?.(stdout)
      if (signal !== undefined) child.kill(signal)
    })
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk))
    child.on("error", reject)
    child.on("close", (exitCode) => resolve({ exitCode, stdout, stderr }))
  })
