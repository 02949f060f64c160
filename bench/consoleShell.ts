/**
 * The method that benches compare with, as the NixOS test driver has it: a root shell that reads lines from a virtual console, runs each in a
 * bash of its own, and prints its output in base64.
 */
import { UnixSockets } from "@nix-vm-test/core/host/UnixSocket"
import type { Machine } from "@nix-vm-test/core/machine/Machine"
import type { Qmp } from "@nix-vm-test/core/qemu/Qmp"
import * as Effect from "effect/Effect"

export interface ConsoleShell {
  /** Runs a command and gives its stdout, or what is left of it: QEMU drops what a console's reader does not take in time. */
  readonly execute: (command: string) => Effect.Effect<Uint8Array>
}

/** A reply whose newline was dropped never ends: it is taken as it is after this long without a byte, milliseconds. */
const silenceMs = 3000

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

/** Collects the replies, one after the other. */
class Replies {
  #chunks: Array<Uint8Array> = []
  #onEnd: (() => void) | undefined
  #silence: NodeJS.Timeout | undefined

  receive(chunk: Uint8Array): void {
    this.#chunks.push(chunk)
    if (chunk.at(-1) === 0x0a) this.#end()
    else this.#silence?.refresh()
  }

  next(): Promise<Buffer> {
    return new Promise((resolve) => {
      this.#onEnd = () => {
        const reply = Buffer.concat(this.#chunks)
        this.#chunks = []
        resolve(reply)
      }
      if (this.#chunks.at(-1)?.at(-1) === 0x0a) this.#end()
      else this.#silence = setTimeout(() => this.#chunks.length > 0 && this.#end(), silenceMs)
    })
  }

  #end(): void {
    clearTimeout(this.#silence)
    const onEnd = this.#onEnd
    this.#onEnd = undefined
    onEnd?.()
  }
}

/** Plugs another console into a running guest, and starts the shell on it. */
export const openConsoleShell = Effect.fnUntraced(function* (options: {
  readonly machine: Machine
  readonly qmp: Qmp
  readonly socket: string
}) {
  const { machine, qmp, socket } = options
  const sockets = yield* UnixSockets
  yield* qmp.execute("chardev-add", {
    id: "bench",
    backend: { type: "socket", data: { addr: { type: "unix", data: { path: socket } }, server: true, wait: false } }
  })
  yield* qmp.execute("device_add", { driver: "virtconsole", id: "bench", bus: "serial.0", chardev: "bench" })
  const replies = new Replies()
  const connection = yield* sockets.connect({ path: socket, onData: (chunk) => replies.receive(chunk) })
  yield* machine.waitForFile("/dev/hvc0")
  const shell = "exec </dev/hvc0 >/dev/hvc0; stty raw -echo; echo ready; exec bash --norc /dev/hvc0"
  yield* machine.succeed(["systemd-run", "--quiet", "--unit=bench-shell", "bash", "-c", shell])
  yield* Effect.promise(() => replies.next())
  const ask = (line: string) =>
    Effect.promise(() => {
      connection.send(Buffer.from(`${line}\n`))
      return replies.next()
    })
  const consoleShell: ConsoleShell = {
    execute: Effect.fnUntraced(function* (command) {
      const strict = quoted(`set -euo pipefail; ${command}`)
      const output = yield* ask(`timeout 900 bash -c ${strict} | (base64 -w 0; echo)`)
      yield* ask("echo ${PIPESTATUS[0]}")
      return Buffer.from(output.toString("latin1"), "base64")
    })
  }
  return consoleShell
})
