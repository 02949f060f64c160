/** The real agent as a process of this machine, behind a port without QEMU. */
import { execFile, spawn, type ChildProcess } from "node:child_process"
import * as fs from "node:fs/promises"
import * as os from "node:os"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import * as AgentChannel from "@nix-vm-test/core/guest/AgentChannel"
import { UnixSockets } from "@nix-vm-test/core/host/UnixSocket"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { portRelay } from "./PortRelay.ts"

const temporaryDirectory = Effect.acquireRelease(
  Effect.promise(() => fs.mkdtemp(path.join(os.tmpdir(), "nvt-native-"))),
  (directory) => Effect.promise(() => fs.rm(directory, { recursive: true, force: true }))
)

/** The agent's program, built from its source. */
export class AgentProgram extends Context.Service<AgentProgram, { readonly path: string }>()("test/AgentProgram") {
  static readonly layer = Layer.effect(
    AgentProgram,
    Effect.gen(function* () {
      const program = path.join(yield* temporaryDirectory, "agent")
      const build = fileURLToPath(new URL("../../../agent/build.sh", import.meta.url))
      yield* Effect.promise(() => promisify(execFile)("sh", [build, program]))
      return { path: program }
    })
  )
}

/** A port with the agent on it; `restart` kills the agent and starts another, as a service manager does. */
export const nativeAgent = Effect.fnUntraced(function* (options: Partial<AgentChannel.AgentChannelOptions> = {}) {
  const program = yield* AgentProgram
  const directory = yield* temporaryDirectory
  const hostPath = path.join(directory, "host")
  const guestPath = path.join(directory, "guest")
  yield* portRelay({
    hostPath,
    guestPath,
    onChange: (open) => (open ? channel.portOpened() : channel.portClosed())
  })
  const channel: AgentChannel.AgentChannel = yield* AgentChannel.make({ path: hostPath, ...options }).pipe(
    Effect.provide(UnixSockets.layer)
  )
  let agent: ChildProcess | undefined
  const start = (): void => {
    agent = spawn(program.path, ["--exit-on-close", guestPath], { stdio: ["ignore", "ignore", "ignore"] })
  }
  const stop = Effect.callback<void>((resume) => {
    const running = agent
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) {
      resume(Effect.void)
    } else {
      running.once("exit", () => resume(Effect.void))
      running.kill("SIGKILL")
    }
  })
  yield* Effect.addFinalizer(() => stop)
  yield* Effect.sync(start)
  return { channel, restart: Effect.andThen(stop, Effect.sync(start)) }
})
