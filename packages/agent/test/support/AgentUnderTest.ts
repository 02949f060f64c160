/**
 * The real agent on this host, connected to a Unix socket of the test in place of a virtio port.
 *
 * It runs as the user of the tests: commands must be harmless and stay in the test's own folder.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer, type Server, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import {
  Agent,
  type Exec,
  execPayload,
  type Exit,
  type Frame,
  frame,
  headerBytes,
  helloMark,
  Host,
  maxPayloadBytes,
  parseExit,
  syncBytes,
  trailerBytes
} from "./Wire.ts"

export const buildScript = fileURLToPath(new URL("../../build.sh", import.meta.url))

/** Builds the agent of the present sources; `env` as build.sh documents it. */
export const buildAgent = (output: string, env: Readonly<Record<string, string>> = {}): string => {
  execFileSync(buildScript, [output], { env: { ...process.env, ...env } })
  return output
}

export interface Hello {
  readonly version: number
  readonly capabilities: number
  readonly pid: number
  readonly sessions: number
  readonly bootClockNs: bigint
  readonly wallClockNs: bigint
  readonly strings: ReadonlyArray<string>
}

export interface ExecResult extends Exit {
  readonly pid: number
  readonly stdout: Buffer
  readonly stderr: Buffer
  readonly out: string
  readonly err: string
}

interface Waiter {
  readonly wants: (frame: Frame) => boolean
  readonly resolve: (frame: Frame) => void
  readonly reject: (error: Error) => void
}

const parseHello = (bytes: Buffer): { readonly hello: Hello; readonly end: number } | undefined => {
  if (bytes.length < 40) {
    return undefined
  }
  const end = 40 + bytes.readUInt32LE(36)
  if (bytes.length < end) {
    return undefined
  }
  const version = bytes.readUInt16LE(32)
  const strings: Array<string> = []
  for (let at = 68; at < end; at += 4 + bytes.readUInt32LE(at)) {
    strings.push(bytes.toString("utf8", at + 4, at + 4 + bytes.readUInt32LE(at)))
  }
  const rest = version === 0 ? Buffer.alloc(28) : bytes.subarray(40)
  return {
    hello: {
      version,
      capabilities: rest.readUInt32LE(0),
      pid: rest.readUInt32LE(4),
      sessions: rest.readUInt32LE(8),
      bootClockNs: rest.readBigUInt64LE(12),
      wallClockNs: rest.readBigUInt64LE(20),
      strings
    },
    end
  }
}

export class AgentUnderTest {
  readonly directory: string
  readonly child: ChildProcess
  readonly #server: Server
  #socket: Socket | undefined
  #received: Buffer = Buffer.alloc(0)
  #nonce: Buffer | undefined
  #key = 0
  #inSequence = 0
  #outSequence = 0
  #nextId = 1
  #unclaimed: Array<Frame> = []
  #waiters: Array<Waiter> = []
  #onHello: ((hello: Hello) => void) | undefined
  /** Bytes skipped before the last HELLO. */
  skipped = 0
  stderr = ""

  private constructor(directory: string, server: Server, child: ChildProcess) {
    this.directory = directory
    this.#server = server
    this.child = child
    child.stderr?.on("data", (chunk: Buffer) => {
      this.stderr += chunk.toString()
    })
    child.on("exit", (code, signal) => this.#fail(new Error(`the agent ended: ${code ?? signal}\n${this.stderr}`)))
  }

  static start(binary: string, options: { readonly arguments?: ReadonlyArray<string> } = {}): Promise<AgentUnderTest> {
    const directory = mkdtempSync(join(tmpdir(), "nvt-agent-"))
    return AgentUnderTest.startWith({
      directory,
      command: [binary, ...(options.arguments ?? ["--exit-on-close"]), join(directory, "port")]
    })
  }

  /** Starts an agent by a command that makes it connect to `port` in the folder, which is removed at the end. */
  static async startWith(options: {
    readonly directory: string
    readonly command: readonly [string, ...Array<string>]
  }): Promise<AgentUnderTest> {
    const {
      directory,
      command: [program, ...rest]
    } = options
    const server = createServer()
    server.listen(join(directory, "port"))
    await once(server, "listening")
    const child = spawn(program, rest, { stdio: ["ignore", "ignore", "pipe"] })
    const agent = new AgentUnderTest(directory, server, child)
    await agent.accept()
    await agent.sync()
    return agent
  }

  /** Waits for the agent to connect. */
  async accept(): Promise<void> {
    const [socket]: Array<Socket> = await once(this.#server, "connection")
    if (socket === undefined) {
      throw new Error("no connection")
    }
    this.#socket = socket
    socket.on("error", () => {})
    socket.on("data", (chunk: Buffer) => this.#receive(chunk))
  }

  get socket(): Socket {
    if (this.#socket === undefined) {
      throw new Error("not connected")
    }
    return this.#socket
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null
  }

  /** Closes the connection and waits for the agent's own end: its exit code. */
  async hangUp(): Promise<number | null> {
    this.#waiters = []
    this.#socket?.destroy()
    if (this.isRunning) await once(this.child, "exit")
    return this.child.exitCode
  }

  async close(): Promise<void> {
    const ended = this.isRunning ? once(this.child, "exit") : undefined
    this.#waiters = []
    this.#socket?.destroy()
    this.#server.close()
    if (ended !== undefined) {
      const timer = setTimeout(() => this.child.kill("SIGKILL"), 5000)
      this.child.kill("SIGTERM")
      await ended
      clearTimeout(timer)
    }
    rmSync(this.directory, { recursive: true, force: true })
  }

  /** The next session's key and numbers without waiting for its HELLO: what is sent now is not of this session. */
  get key(): number {
    return this.#key
  }

  /** Begins a session: everything unclaimed of the former one is forgotten. */
  async sync(options: { readonly lowest?: number; readonly highest?: number } = {}): Promise<Hello> {
    const nonce = randomBytes(16)
    this.#nonce = nonce
    this.#key = nonce.readUInt32LE(0)
    this.#inSequence = this.#outSequence = this.skipped = 0
    this.#unclaimed = []
    const hello = new Promise<Hello>((resolve, reject) => {
      this.#onHello = resolve
      this.#waiters.push({ wants: () => false, resolve: () => {}, reject })
    })
    this.socket.write(syncBytes({ nonce, ...options }))
    return hello
  }

  newId(): number {
    return this.#nextId++
  }

  /** Bytes outside of every frame. */
  sendRaw(bytes: Buffer): void {
    this.socket.write(bytes)
  }

  frameBytes(options: {
    readonly type: number
    readonly id: number
    readonly payload?: Buffer
    readonly more?: boolean
  }): Buffer {
    return frame({ payload: Buffer.alloc(0), ...options, sequence: this.#outSequence++, key: this.#key })
  }

  send(type: number, id: number, payload: Buffer = Buffer.alloc(0), more = false): void {
    this.sendRaw(this.frameBytes({ type, id, payload, more }))
  }

  /** The next frame of this call and of one of these types; others stay for whoever wants them. */
  next(id: number, ...types: ReadonlyArray<number>): Promise<Frame> {
    const wants = (candidate: Frame): boolean =>
      candidate.id === id && (types.length === 0 || types.includes(candidate.type))
    const index = this.#unclaimed.findIndex(wants)
    const found = this.#unclaimed[index]
    if (found !== undefined) {
      this.#unclaimed.splice(index, 1)
      return Promise.resolve(found)
    }
    return new Promise((resolve, reject) => this.#waiters.push({ wants, resolve, reject }))
  }

  /** A request that is answered by RESULT: its error number and what follows. */
  async request(
    type: number,
    payload: Buffer,
    id = this.newId()
  ): Promise<{ readonly errno: number; readonly rest: Buffer }> {
    this.send(type, id, payload)
    const { payload: answer } = await this.next(id, Agent.result)
    return { errno: answer.readInt32LE(0), rest: answer.subarray(4) }
  }

  startExec(exec: Exec, id = this.newId()): number {
    const payload = execPayload(exec)
    for (let at = 0; at === 0 || at < payload.length; at += maxPayloadBytes) {
      this.send(Host.exec, id, payload.subarray(at, at + maxPayloadBytes), at + maxPayloadBytes < payload.length)
    }
    return id
  }

  /** Reads a call to its EXIT. */
  async finish(id: number): Promise<ExecResult> {
    const chunks: { stdout: Array<Buffer>; stderr: Array<Buffer> } = { stdout: [], stderr: [] }
    let pid = 0
    for (;;) {
      const { type, payload } = await this.next(id)
      if (type === Agent.started) {
        pid = payload.readUInt32LE(0)
      } else if (type === Agent.stdout) {
        chunks.stdout.push(payload)
      } else if (type === Agent.stderr) {
        chunks.stderr.push(payload)
      } else if (type === Agent.exit) {
        const stdout = Buffer.concat(chunks.stdout)
        const stderr = Buffer.concat(chunks.stderr)
        return { ...parseExit(payload), pid, stdout, stderr, out: stdout.toString(), err: stderr.toString() }
      }
    }
  }

  exec(exec: Exec | string): Promise<ExecResult> {
    return this.finish(this.startExec(typeof exec === "string" ? { command: exec } : exec))
  }

  /** Sends bytes as the agent grants credit, and the end of the file. False when the agent said that nobody reads any more. */
  async feed(id: number, bytes: Buffer): Promise<boolean> {
    let credit = 0
    for (let at = 0; at < bytes.length;) {
      while (credit === 0) {
        const { payload } = await this.next(id, Agent.stdinCredit)
        credit += payload.readUInt32LE(0)
        if (payload.readUInt8(4) === 1) {
          return false
        }
      }
      const size = Math.min(credit, maxPayloadBytes, bytes.length - at)
      this.send(Host.stdin, id, bytes.subarray(at, at + size))
      credit -= size
      at += size
    }
    this.send(Host.stdinEof, id)
    return true
  }

  #fail(error: Error): void {
    for (const waiter of this.#waiters.splice(0)) {
      waiter.reject(error)
    }
  }

  #receive(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk])
    if (this.#onHello !== undefined && !this.#takeHello()) {
      return
    }
    while (this.#takeFrame()) {
      // One after the other.
    }
  }

  #takeHello(): boolean {
    const needle = Buffer.concat([helloMark, this.#nonce ?? Buffer.alloc(0)])
    const at = this.#received.indexOf(needle)
    const found = at < 0 ? undefined : parseHello(this.#received.subarray(at))
    if (found === undefined) {
      return false
    }
    this.skipped = at
    this.#received = this.#received.subarray(at + found.end)
    const onHello = this.#onHello
    this.#onHello = undefined
    this.#waiters = []
    onHello?.(found.hello)
    return true
  }

  #takeFrame(): boolean {
    const bytes = this.#received
    if (bytes.length < headerBytes) {
      return false
    }
    const size = bytes.readUInt32LE(8)
    const end = headerBytes + size + trailerBytes
    const sequence = bytes.readUInt32LE(12)
    if (bytes.readUInt16LE(0) !== 0xb17e || size > maxPayloadBytes || sequence !== this.#inSequence) {
      this.#fail(
        new Error(`not a frame with sequence number ${this.#inSequence}: ${bytes.subarray(0, 32).toString("hex")}`)
      )
      return false
    }
    if (bytes.length < end) {
      return false
    }
    if (bytes.readUInt32LE(end - trailerBytes) !== (sequence ^ this.#key) >>> 0) {
      this.#fail(new Error("a frame with a wrong check word"))
      return false
    }
    this.#inSequence++
    this.#received = bytes.subarray(end)
    this.#deliver({
      type: bytes.readUInt8(2),
      id: bytes.readUInt32LE(4),
      payload: Buffer.from(bytes.subarray(headerBytes, end - trailerBytes))
    })
    return true
  }

  #deliver(received: Frame): void {
    const index = this.#waiters.findIndex((waiter) => waiter.wants(received))
    const waiter = this.#waiters[index]
    if (waiter === undefined) {
      this.#unclaimed.push(received)
    } else {
      this.#waiters.splice(index, 1)
      waiter.resolve(received)
    }
  }
}
