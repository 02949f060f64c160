import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import {
  decodeEndOfStream,
  decodeExit,
  decodeList,
  decodeLog,
  decodePong,
  decodeResult,
  decodeStarted,
  decodeStat,
  decodeStdinCredit,
  decodeWait
} from "@nix-vm-test/core/guest/AgentMessage"
import { ByteReader } from "@nix-vm-test/core/guest/ByteReader"
import { ByteWriter } from "@nix-vm-test/core/guest/ByteWriter"
import { errnoName } from "@nix-vm-test/core/guest/errnoName"
import { encodeExec, encodeKill, encodeOwnedPath, encodeResumed, encodeWait } from "@nix-vm-test/core/guest/HostMessage"
import { exitPayload } from "./FakeAgent.ts"

const int = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))
const u32 = int(0, 0xffff_ffff)
const Bytes = Schema.Array(int(0, 255))
/** Unicode text; a lone half of a surrogate pair has no UTF-8 of its own. */
const Text = Schema.String.check(Schema.makeFilter((text) => text.isWellFormed()))

const decoders = {
  decodeExit,
  decodeStarted,
  decodeEndOfStream,
  decodeStdinCredit,
  decodePong,
  decodeLog,
  decodeResult,
  decodeStat,
  decodeList,
  decodeWait
}

interface StatRecord {
  readonly kind: number
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly size: number
  readonly modifiedMs: number
  readonly target: string
}

const writeStat = (writer: ByteWriter, stat: StatRecord): ByteWriter =>
  writer
    .u8(stat.kind)
    .u8(0)
    .u16(0)
    .u32(stat.mode)
    .u32(stat.uid)
    .u32(stat.gid)
    .u64(BigInt(stat.size))
    .u64(BigInt(stat.modifiedMs) * 1_000_000n)
    .str(stat.target)

describe("messages of the agent", () => {
  it.prop("hostile payloads never throw", [Bytes], ([bytes]) => {
    for (const decode of Object.values(decoders)) {
      decode(Uint8Array.from(bytes))
    }
  })

  it.prop(
    "an EXIT is read back, and only whole",
    [int(-1, 255), int(0, 64), u32, int(0, Number.MAX_SAFE_INTEGER)],
    ([exitCode, signal, stdoutBytes, stderrBytes]) => {
      const payload = exitPayload({
        exitCode,
        signal,
        timedOut: true,
        leftRunning: 2,
        errno: 2,
        stdoutBytes,
        stderrBytes
      })
      assert.deepStrictEqual(decodeExit(payload), {
        exitCode,
        signal,
        timedOut: true,
        leftRunning: true,
        errno: 2,
        stdoutBytes,
        stderrBytes
      })
      for (let size = 0; size < payload.length; size++) {
        assert.isUndefined(decodeExit(payload.subarray(0, size)))
      }
      assert.isUndefined(decodeExit(Buffer.concat([payload, Uint8Array.of(0)])))
    }
  )

  it.prop(
    "a STAT record is read back",
    {
      kind: int(1, 4),
      mode: int(0, 0o7777),
      uid: u32,
      gid: u32,
      size: int(0, Number.MAX_SAFE_INTEGER),
      modifiedMs: int(0, 4e12),
      target: Text
    },
    (stat) => {
      const { kind, modifiedMs, target, ...numbers } = stat
      const decoded = decodeStat(writeStat(new ByteWriter(), stat).finish())
      assert.isDefined(decoded)
      // Milliseconds are a double made of nanoseconds: right to the microsecond.
      assert.approximately(decoded.modifiedMs, modifiedMs, 0.001)
      assert.deepStrictEqual(
        { ...decoded, modifiedMs: 0 },
        {
          ...numbers,
          modifiedMs: 0,
          kind: (["file", "directory", "symlink", "other"] as const)[kind - 1],
          ...(kind === 3 ? { linkTarget: target } : {})
        }
      )
    }
  )

  const stat: StatRecord = { kind: 1, mode: 0o644, uid: 0, gid: 0, size: 5, modifiedMs: 1000, target: "" }

  it("a listing gives its entries in order", () => {
    const writer = new ByteWriter()
    for (const name of ["b", "a ü", "…"]) {
      writeStat(writer.str(name), stat)
    }
    assert.deepStrictEqual(
      decodeList(writer.finish())?.map((entry) => entry.name),
      ["b", "a ü", "…"]
    )
    assert.deepStrictEqual(decodeList(new Uint8Array(0)), [])
  })

  it.each(["", ".", "..", "../etc", "a/b", "a\0b"])("a listing with the name %j is refused", (name) => {
    assert.isUndefined(decodeList(writeStat(new ByteWriter().str(name), stat).finish()))
  })

  it("unknown kinds and numbers are refused", () => {
    assert.isUndefined(decodeStat(writeStat(new ByteWriter(), { ...stat, kind: 5 }).finish()))
    assert.isUndefined(decodeEndOfStream(Uint8Array.of(3)))
    assert.isUndefined(decodeLog(Uint8Array.of(4, 65)))
  })
})

describe("messages of the host", () => {
  it.prop(
    "EXEC holds its command, variables and words",
    [Text, Text, Schema.Record(Schema.String, Text), Schema.NonEmptyArray(Text)],
    ([user, cwd, env, words]) => {
      const payload = encodeExec({
        command: words,
        strict: true,
        stdin: true,
        timeoutMs: 1500,
        stdoutWindow: 10,
        stderrWindow: 20,
        user,
        cwd,
        env
      })
      const reader = new ByteReader(payload)
      assert.deepStrictEqual([reader.u8(), reader.u8(), reader.u16(), reader.u16(), reader.u16()], [1, 0, 0, 0, 0])
      assert.deepStrictEqual([reader.u32(), reader.u32(), reader.u32()], [1500, 10, 20])
      assert.deepStrictEqual([reader.str(), reader.str()], [user, cwd])
      const variables = Array.from({ length: reader.u32() }, () => [reader.str(), reader.str()])
      assert.deepStrictEqual(
        variables,
        Object.entries(env).map(([name, value]) => [name.toWellFormed(), value])
      )
      assert.deepStrictEqual(
        Array.from({ length: reader.u32() }, () => reader.str()),
        [...words]
      )
      assert.isTrue(reader.isComplete)
    }
  )

  it("EXEC of shell code says strict, terminal and no stdin", () => {
    const exec = { strict: true, timeoutMs: 0, stdoutWindow: 0, stderrWindow: 0, user: "", cwd: "", env: {} }
    const flags = (request: Partial<Parameters<typeof encodeExec>[0]>) =>
      encodeExec({ command: "x", stdin: true, ...exec, ...request })[1]
    assert.strictEqual(flags({}), 4)
    assert.strictEqual(flags({ strict: false }), 0)
    assert.strictEqual(flags({ stdin: false }), 6)
    assert.strictEqual(flags({ terminal: { rows: 24, columns: 80 } }), 5)
  })

  it("have the bytes of docs/protocol.md", () => {
    assert.strictEqual(Buffer.from(encodeKill(15)).toString("hex"), "0f00")
    assert.strictEqual(
      Buffer.from(encodeOwnedPath({ path: "/a", mode: 0o755, uid: 1, gid: 2 })).toString("hex"),
      "ed0100000100000002000000020000002f61"
    )
    assert.strictEqual(
      Buffer.from(
        encodeWait({ probe: { kind: "tcpClosed", host: "::1", port: 80 }, intervalMs: 20, timeoutMs: 1000 })
      ).toString("hex"),
      "0200500014000000e8030000030000003a3a31"
    )
    assert.strictEqual(
      Buffer.from(encodeResumed({ wallClockMs: 1.5, entropy: Uint8Array.of(7) })).toString("hex"),
      "80841e00000000000100000007"
    )
  })
})

describe("errnoName", () => {
  it("names Linux' numbers", () => {
    assert.deepStrictEqual([0, 1, 2, 13, 28, 40, 110, 113, 999].map(errnoName), [
      "OK",
      "EPERM",
      "ENOENT",
      "EACCES",
      "ENOSPC",
      "ELOOP",
      "ETIMEDOUT",
      "EHOSTUNREACH",
      "errno 999"
    ])
  })
})
