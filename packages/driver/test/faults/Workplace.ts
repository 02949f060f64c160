/**
 * The command as users call it, in a process of its own with a folder and a temporary directory of its own; when it has ended, nothing of it
 * may be left.
 */
import { spawn } from "node:child_process"
import { cpSync, linkSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert } from "@effect/vitest"
import { defaultStart } from "../../../core/test/support/defaultStart.ts"

export interface Ended {
  readonly exitCode: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface CommandOptions {
  /** Added to the environment; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Shell code that is run first, in a mount namespace of the command's own: it may mount what it likes. */
  readonly mounts?: string
  /** Called for every piece of output with all of stdout so far. */
  readonly onOutput?: (stdout: string, command: RunningCommand) => void
  /** The same for stderr. */
  readonly onError?: (stderr: string, command: RunningCommand) => void
}

export interface RunningCommand {
  readonly pid: number
  readonly signal: (signal: NodeJS.Signals) => void
  /** Reads no more of its output, as `head` does when it has enough. */
  readonly closeStdout: () => void
}

/** Users who are not root may mount in a user namespace of their own. */
const namespace = ["--mount", ...(process.getuid?.() === 0 ? [] : ["--user", "--map-root-user"])]

const startFlags = defaultStart === "cold" ? ["--start", "cold"] : []

const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url))

/** The cache that this host's runs share; its images are what tests boot. */
export const sharedCache =
  process.env["NIX_VM_TEST_CACHE"] ?? join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "nix-vm-test")

/** What lies in a cache for good: other tests may be making what lies beside it. */
const keptFile = /\.(?:json|qcow2|raw|kernel|initrd)$/u

/** Processes with a text in their arguments. */
export const processesNaming = (text: string): ReadonlyArray<number> =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/u.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(text)
      } catch {
        return false
      }
    })

export class Workplace {
  /** Holds the test's files; the command runs in it. Short, since sockets lie below it. */
  readonly folder = mkdtempSync("/tmp/nvtf-")
  readonly temporary = join(this.folder, "tmp")

  constructor() {
    mkdirSync(this.temporary)
  }

  /** Writes a file and gives its path. */
  write(name: string, text: string | Uint8Array): string {
    const path = join(this.folder, name)
    writeFileSync(path, text)
    return path
  }

  /** A cache of its own that has the shared one's images, as links. */
  ownCache(): string {
    const cache = join(this.folder, "cache")
    for (const part of ["images", "builds"]) {
      mkdirSync(join(cache, part), { recursive: true })
      for (const name of readdirSync(join(sharedCache, part)).filter((each) => keptFile.test(each))) {
        const [from, to] = [join(sharedCache, part, name), join(cache, part, name)]
        if (name.endsWith(".json")) cpSync(from, to)
        else if (part === "images") linkSync(from, to)
      }
    }
    return cache
  }

  /** Runs `nix-vm-test ARGS` to its end. */
  run(args: ReadonlyArray<string>, options: CommandOptions = {}): Promise<Ended> {
    return new Promise((resolve, reject) => {
      const command = [process.execPath, main, ...args]
      const [program = "", ...programArgs] =
        options.mounts === undefined
          ? command
          : ["unshare", ...namespace, "--", "/bin/sh", "-ec", `${options.mounts}\nexec "$@"`, "sh", ...command]
      const child = spawn(program, programArgs, {
        cwd: this.folder,
        env: {
          ...process.env,
          NO_COLOR: "1",
          NIX_VM_TEST_CACHE: sharedCache,
          TMPDIR: this.temporary,
          ...options.env
        },
        stdio: ["ignore", "pipe", "pipe"]
      })
      const running: RunningCommand = {
        pid: child.pid ?? 0,
        signal: (signal) => void child.kill(signal),
        closeStdout: () => void child.stdout.destroy()
      }
      let stdout = ""
      let stderr = ""
      child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
        stdout += chunk
        options.onOutput?.(stdout, running)
      })
      child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
        stderr += chunk
        options.onError?.(stderr, running)
      })
      child.on("error", reject)
      child.on("close", (exitCode, signal) => resolve({ exitCode, signal, stdout, stderr }))
    })
  }

  /** Runs a script that holds this test, to its end; nothing may be left of it. */
  async runTest(
    test: string,
    options: CommandOptions & { readonly flags?: ReadonlyArray<string> } = {}
  ): Promise<Ended> {
    const script = this.write("case.ts", test)
    const ended = await this.run(["run", ...startFlags, ...(options.flags ?? []), script], options)
    this.assertNothingLeft()
    return ended
  }

  /** No process that works in the temporary directory, and nothing in it: no run's directory, no socket, no file. */
  assertNothingLeft(): void {
    assert.deepStrictEqual(processesNaming(this.temporary), [], "processes of the run are left")
    assert.deepStrictEqual(readdirSync(this.temporary, { recursive: true }), [], "files of the run are left")
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}
