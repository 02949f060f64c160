/**
 * The least of docs/protocol.md that is needed to talk to an agent: a second reading of the document, independent of the driver's own.
 */

export const frameBytes = 32_768
export const headerBytes = 16
export const trailerBytes = 4
export const maxPayloadBytes = frameBytes - headerBytes - trailerBytes

export const Host = {
  exec: 0x01,
  stdin: 0x02,
  stdinEof: 0x03,
  credit: 0x04,
  kill: 0x05,
  ping: 0x06,
  put: 0x07,
  get: 0x08,
  stat: 0x09,
  list: 0x0a,
  mkdir: 0x0b,
  symlink: 0x0c,
  wait: 0x0e,
  resumed: 0x0f,
  resize: 0x10,
  mount: 0x11
} as const

export const Agent = {
  started: 0x82,
  stdout: 0x83,
  stderr: 0x84,
  eof: 0x85,
  exit: 0x86,
  stdinCredit: 0x87,
  pong: 0x88,
  log: 0x89,
  bye: 0x8a,
  result: 0x8b
} as const

export interface Frame {
  readonly type: number
  readonly id: number
  readonly payload: Buffer
}

export const syncMark = Buffer.from("f54e565473796e6300010203fec05aa5", "hex")
export const helloMark = Buffer.from("f54e565468656c6f03020100fec05aa5", "hex")

export const u8 = (value: number): Buffer => Buffer.of(value)

export const u16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16LE(value)
  return bytes
}

export const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

export const u64 = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(value)
  return bytes
}

export const str = (text: string | Buffer): Buffer => {
  const bytes = Buffer.from(text)
  return Buffer.concat([u32(bytes.length), bytes])
}

export const syncBytes = (options: {
  readonly nonce: Buffer
  readonly lowest?: number
  readonly highest?: number
}): Buffer =>
  Buffer.concat([
    Buffer.alloc(frameBytes),
    syncMark,
    options.nonce,
    u16(options.lowest ?? 1),
    u16(options.highest ?? 1),
    u32(0)
  ])

export const frame = (options: {
  readonly type: number
  readonly id: number
  readonly payload: Buffer
  readonly sequence: number
  readonly key: number
  readonly more?: boolean
}): Buffer =>
  Buffer.concat([
    Buffer.of(0x7e, 0xb1, options.type, options.more === true ? 1 : 0),
    u32(options.id),
    u32(options.payload.length),
    u32(options.sequence),
    options.payload,
    u32((options.sequence ^ options.key) >>> 0)
  ])

export interface Exec {
  /** Shell code, or a program and its arguments. */
  readonly command: string | ReadonlyArray<string>
  readonly terminal?: boolean
  readonly stdin?: boolean
  readonly strict?: boolean
  readonly rows?: number
  readonly columns?: number
  readonly timeoutMs?: number
  readonly windows?: readonly [number, number]
  readonly user?: string
  readonly directory?: string
  readonly env?: Readonly<Record<string, string>>
}

export const execPayload = (exec: Exec): Buffer => {
  const isShell = typeof exec.command === "string"
  const words = typeof exec.command === "string" ? [exec.command] : exec.command
  const variables = Object.entries(exec.env ?? {})
  const [stdout, stderr] = exec.windows ?? [2 ** 31, 2 ** 31]
  return Buffer.concat([
    u8(isShell ? 0 : 1),
    u8((exec.terminal === true ? 1 : 0) | (exec.stdin === true ? 0 : 2) | (exec.strict === true ? 4 : 0)),
    u16(exec.rows ?? 0),
    u16(exec.columns ?? 0),
    u16(0),
    u32(exec.timeoutMs ?? 0),
    u32(stdout),
    u32(stderr),
    str(exec.user ?? ""),
    str(exec.directory ?? ""),
    u32(variables.length),
    ...variables.flatMap(([name, value]) => [str(name), str(value)]),
    u32(words.length),
    ...words.map(str)
  ])
}

export interface Exit {
  readonly code: number
  readonly signal: number
  readonly timedOut: boolean
  readonly heldOpen: number
  readonly errno: number
  readonly sent: readonly [number, number]
}

export const parseExit = (payload: Buffer): Exit => ({
  code: payload.readInt32LE(0),
  signal: payload.readUInt32LE(4),
  timedOut: payload.readUInt8(8) === 1,
  heldOpen: payload.readUInt8(9),
  errno: payload.readInt32LE(12),
  sent: [Number(payload.readBigUInt64LE(16)), Number(payload.readBigUInt64LE(24))]
})

export interface Stat {
  readonly kind: number
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly size: number
  readonly modifiedNs: bigint
  readonly target: string
}

/** One STAT record at `offset`, and where the next field begins. */
export const parseStat = (bytes: Buffer, offset: number): { readonly stat: Stat; readonly end: number } => {
  const targetBytes = bytes.readUInt32LE(offset + 32)
  const end = offset + 36 + targetBytes
  return {
    stat: {
      kind: bytes.readUInt8(offset),
      mode: bytes.readUInt32LE(offset + 4),
      uid: bytes.readUInt32LE(offset + 8),
      gid: bytes.readUInt32LE(offset + 12),
      size: Number(bytes.readBigUInt64LE(offset + 16)),
      modifiedNs: bytes.readBigUInt64LE(offset + 24),
      target: bytes.toString("utf8", offset + 36, end)
    },
    end
  }
}
