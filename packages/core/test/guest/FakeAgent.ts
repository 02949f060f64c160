/**
 * The agent's end of the port as a script: a real Unix socket, with an agent that answers what a test tells it to, wrong answers included.
 */
import * as fs from "node:fs/promises"
import * as net from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import * as Effect from "effect/Effect"
import { AgentMessage } from "@nix-vm-test/core/guest/AgentMessage"
import { ByteReader } from "@nix-vm-test/core/guest/ByteReader"
import { ByteWriter } from "@nix-vm-test/core/guest/ByteWriter"
import { encodeFrame, type Frame, FrameDecoder } from "@nix-vm-test/core/guest/Frame"
import { helloMark, plainView, sessionKey, syncMark } from "@nix-vm-test/core/guest/Handshake"
import { HostMessage } from "@nix-vm-test/core/guest/HostMessage"

/** The answer to one SYNC. */
export const encodeHello = (options: {
  readonly nonce: Uint8Array
  readonly bootId?: string
  readonly sessions?: number
  readonly pid?: number
  readonly version?: number
}): Uint8Array => {
  const rest = new ByteWriter()
    .u32(1)
    .u32(options.pid ?? 42)
    .u32(options.sessions ?? 1)
    .u64(5_000_000_000n)
    .u64(1_700_000_000_000_000_000n)
    .str(options.bootId ?? "boot-1")
    .str("6.1.0-test")
    .str("fake")
    .finish()
  return new ByteWriter()
    .bytes(helloMark)
    .bytes(options.nonce)
    .u16(options.version ?? 1)
    .u16(0)
    .u32(rest.length)
    .bytes(rest)
    .finish()
}

export const exitPayload = (exit: {
  readonly exitCode?: number
  readonly signal?: number
  readonly timedOut?: boolean
  readonly leftRunning?: number
  readonly errno?: number
  readonly stdoutBytes?: number
  readonly stderrBytes?: number
}): Uint8Array =>
  new ByteWriter()
    .i32(exit.exitCode ?? 0)
    .u32(exit.signal ?? 0)
    .u8(exit.timedOut === true ? 1 : 0)
    .u8(exit.leftRunning ?? 0)
    .u16(0)
    .i32(exit.errno ?? 0)
    .u64(BigInt(exit.stdoutBytes ?? 0))
    .u64(BigInt(exit.stderrBytes ?? 0))
    .finish()

export class FakeAgent {
  readonly path: string
  bootId = "boot-1"
  pid = 42
  sessions = 0
  connections = 0
  /** Nonces of all SYNCs that came, in order. */
  readonly nonces: Array<Uint8Array> = []
  /** All frames that came in any session, in order. */
  readonly frames: Array<Frame> = []
  onSync: (nonce: Uint8Array) => void = (nonce) => this.greet(nonce)
  onFrame: (frame: Frame) => void = () => {}
  /** Hears all bytes, before anything else is made of them. */
  onBytes: (chunk: Uint8Array) => void = () => {}
  #socket: net.Socket | undefined
  #scanned = Buffer.alloc(0)
  #decoder: FrameDecoder | undefined
  #sequence = 0
  #key = 0

  constructor(path: string) {
    this.path = path
  }

  accept(socket: net.Socket): void {
    this.connections++
    this.#socket = socket
    this.#scanned = Buffer.alloc(0)
    this.#decoder = undefined
    socket.on("error", () => {})
    socket.on("data", (chunk: Buffer) => this.#receive(chunk))
  }

  #receive(chunk: Buffer): void {
    this.onBytes(chunk)
    if (this.#decoder !== undefined) {
      if (this.#decoder.push(plainView(chunk)) === undefined) {
        return
      }
      this.#decoder = undefined
    }
    this.#scanned = Buffer.concat([this.#scanned, chunk])
    for (let at = this.#scanned.indexOf(syncMark); at >= 0; at = this.#scanned.indexOf(syncMark)) {
      if (this.#scanned.length < at + 40) {
        return
      }
      const nonce = new Uint8Array(this.#scanned.subarray(at + 16, at + 32))
      this.#scanned = this.#scanned.subarray(at + 40)
      this.nonces.push(nonce)
      this.onSync(nonce)
    }
  }

  /** Answers a SYNC and begins its session. */
  greet(nonce: Uint8Array): void {
    this.sessions++
    this.#key = sessionKey(nonce)
    this.#sequence = 0
    this.#decoder = new FrameDecoder({
      key: this.#key,
      onFrame: (frame) => {
        this.frames.push(frame)
        this.onFrame(frame)
      }
    })
    this.raw(encodeHello({ nonce, bootId: this.bootId, sessions: this.sessions, pid: this.pid }))
  }

  /** Forgets the session as a new process or a new boot does. */
  forget(): void {
    this.#decoder = undefined
    this.#scanned = Buffer.alloc(0)
  }

  raw(bytes: Uint8Array): void {
    this.#socket?.write(bytes)
  }

  send(type: number, callId: number, payload: Uint8Array = new Uint8Array(0)): void {
    this.raw(encodeFrame({ type, callId, more: false, payload, sequence: this.#sequence++, key: this.#key }))
  }

  /** A whole answer to EXEC. */
  answer(callId: number, stdout = "", exit: Parameters<typeof exitPayload>[0] = {}): void {
    const bytes = new TextEncoder().encode(stdout)
    this.send(AgentMessage.started, callId, new ByteWriter().u32(1000).u64(0n).finish())
    if (bytes.length > 0) {
      this.send(AgentMessage.stdout, callId, bytes)
    }
    this.send(AgentMessage.exit, callId, exitPayload({ stdoutBytes: bytes.length, ...exit }))
  }

  pong(ping: Frame): void {
    const pong = new ByteWriter().u32(ping.payload.length).bytes(ping.payload).u64(1n).u64(2n).u32(3).u64(4n).finish()
    this.send(AgentMessage.pong, 0, pong)
  }

  hangUp(): void {
    this.#socket?.destroy()
  }

  /** How many frames of one type came. */
  count(type: number): number {
    return this.frames.filter((frame) => frame.type === type).length
  }
}

/** Shell code of an EXEC that runs as root in its home with no variables, as tests here send it. */
export const execCode = (frame: Frame): string => {
  const reader = new ByteReader(frame.payload)
  reader.skip(20)
  reader.str()
  reader.str()
  reader.skip(8)
  return reader.str()
}

/** Answers every EXEC with its own code as output, and every PING. */
export const echoing =
  (agent: FakeAgent) =>
  (frame: Frame): void => {
    if (frame.type === HostMessage.exec) {
      agent.answer(frame.callId, execCode(frame))
    } else if (frame.type === HostMessage.ping) {
      agent.pong(frame)
    }
  }

/** An agent that listens in a directory of its own; both are gone with the Scope. */
export const fakeAgent = Effect.gen(function* () {
  const directory = yield* Effect.acquireRelease(
    Effect.promise(() => fs.mkdtemp(path.join(os.tmpdir(), "nvt-agent-"))),
    (directory) => Effect.promise(() => fs.rm(directory, { recursive: true, force: true }))
  )
  const agent = new FakeAgent(path.join(directory, "port"))
  const sockets = new Set<net.Socket>()
  yield* Effect.acquireRelease(
    Effect.callback<net.Server>((resume) => {
      const server = net.createServer((socket) => {
        sockets.add(socket)
        agent.accept(socket)
      })
      server.listen(agent.path, () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.callback<void>((resume) => {
        sockets.forEach((socket) => socket.destroy())
        server.close(() => resume(Effect.void))
      })
  )
  return agent
})
