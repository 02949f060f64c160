/** The command on a pseudo-terminal of its own, as a person has it: util-linux' `script` makes the terminal. */
import { execFile, spawn } from "node:child_process"
import { setTimeout } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"

const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url))

export interface TerminalSession extends Disposable {
  readonly type: (keys: string) => void
  /** Resolves with everything shown so far once it has the pattern after what earlier calls have matched. */
  readonly see: (pattern: RegExp) => Promise<string>
  /** Kills the process below it that has the given name. */
  readonly kill: (name: string) => Promise<void>
  /** All processes below it. */
  readonly processes: () => Promise<ReadonlyArray<Process>>
  /** Closes the terminal, as a window that is closed does. */
  readonly hangUp: () => void
  /** Resolves when none of the processes is there any more. */
  readonly gone: (processes: ReadonlyArray<Process>) => Promise<void>
  readonly resize: (size: { readonly rows: number; readonly columns: number }) => Promise<void>
}

const run = promisify(execFile)

/** Shorter than a test's limit, at which nobody would end the session; longer than any boot. */
const patienceMs = 300_000

export interface Process {
  readonly pid: number
  /** Of its program. */
  readonly name: string
}

/** Processes below another one. */
const descendants = async (ancestor: number): Promise<ReadonlyArray<Process>> => {
  const { stdout } = await run("ps", ["-eo", "pid=,ppid=,comm="])
  const rows = stdout.split("\n").map((line) => line.trim().split(/\s+/u))
  const below = (pid: string): ReadonlyArray<ReadonlyArray<string>> =>
    rows.filter(([, parent]) => parent === pid).flatMap((row) => [row, ...below(row[0] ?? "")])
  return below(String(ancestor)).map(([pid, , name = ""]) => ({ pid: Number(pid), name }))
}

const isAlive = ({ pid }: Process): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Runs `nix-vm-test ARGS` on a terminal; afterwards its exit code and the terminal's modes are printed there. */
export const openTerminalSession = (args: string, env: Readonly<Record<string, string>> = {}): TerminalSession => {
  const quoted = [process.execPath, main].map((word) => `'${word}'`).join(" ")
  // The shell around it outlives Ctrl-C, which the terminal sends it too.
  const command = `trap : INT; tty; stty rows 33 columns 101; ${quoted} ${args}; echo "code=$?"; stty -a; echo over`
  const child = spawn("script", ["--quiet", "--return", "--command", command, "/dev/null"], {
    env: { ...process.env, ...env },
    stdio: ["pipe", "pipe", "inherit"]
  })
  let shown = ""
  let seenTo = 0
  let look = (): void => {}
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    shown += text
    look()
  })
  let ended = false
  child.on("close", () => {
    ended = true
    look()
  })
  const see = (pattern: RegExp): Promise<string> =>
    new Promise<string>((resolve, reject) => {
      const fail = (how: string): void => reject(new Error(`it ${how} without ${pattern}:\n${shown.slice(seenTo)}`))
      const patience = globalThis.setTimeout(() => fail("waits"), patienceMs)
      look = () => {
        const match = pattern.exec(shown.slice(seenTo))
        if (match === null && !ended) return
        clearTimeout(patience)
        if (match === null) return fail("ended")
        seenTo += match.index + match[0].length
        resolve(shown)
      }
      look()
    })
  return {
    see,
    kill: async (name) => {
      const found = await descendants(child.pid ?? 0)
      for (const { pid } of found.filter((process) => process.name.startsWith(name))) process.kill(pid, "SIGKILL")
    },
    processes: () => descendants(child.pid ?? 0),
    hangUp: () => void child.kill("SIGKILL"),
    gone: async (processes) => {
      while (processes.some(isAlive)) await setTimeout(50)
    },
    type: (keys) => void child.stdin.write(keys),
    resize: async ({ rows, columns }) => {
      const [terminal = ""] = /\/dev\/pts\/\d+/u.exec(shown) ?? []
      await run("stty", ["-F", terminal, "rows", String(rows), "columns", String(columns)])
    },
    [Symbol.dispose]: () => void child.kill("SIGKILL")
  }
}
