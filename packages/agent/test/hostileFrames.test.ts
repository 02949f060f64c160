import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe } from "@effect/vitest"
import { afterAll, beforeAll, onTestFinished, test } from "vitest"
import { type AgentUnderTest, buildAgent } from "./support/AgentUnderTest.ts"
import { startJailed } from "./support/jail.ts"
import { Random } from "./support/Random.ts"
import { execPayload, frame, Host, maxPayloadBytes, str, syncMark, u16, u32, u64, u8 } from "./support/Wire.ts"

const seeds = [1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987, 1597]
const framesOfSeed = 300

const builds: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "as it is shipped": {},
  "with sanitizers": {
    CC: "gcc",
    CFLAGS: "-g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all"
  }
}

/** Valid requests, the ground that mutations start from. */
const valid = (random: Random): readonly [number, Buffer] => {
  const path = random.pick(["/tmp/a", "/tmp/b/c", "/tmp", "/nope", "/agent/agent", "/proc/self/status", "", "/"])
  return random.pick<readonly [number, Buffer]>([
    [
      Host.exec,
      execPayload({
        command: random.pick(["echo x", "while :; do echo y; done", "read -r a; echo $a", "exit 3", "kill -9 $$"]),
        stdin: random.chance(50),
        windows: [random.below(100_000), random.below(100_000)],
        timeoutMs: random.below(50)
      })
    ],
    [
      Host.exec,
      execPayload({
        command: ["bash", "-c", "echo z"],
        terminal: random.chance(50),
        env: { A: "1" },
        directory: path,
        timeoutMs: 100
      })
    ],
    [Host.put, Buffer.concat([u32(0o644), u32(0), u32(0), str(path)])],
    [Host.get, Buffer.concat([u32(random.below(70_000)), str(path)])],
    [Host.stat, Buffer.concat([u8(random.below(2)), str(path)])],
    [Host.list, Buffer.concat([u32(random.below(70_000)), str(path)])],
    [Host.mkdir, Buffer.concat([u32(0o755), u32(0), u32(0), str(path)])],
    [Host.symlink, Buffer.concat([str("x"), str(path)])],
    [Host.mount, Buffer.concat([u8(random.below(2)), str("tmpfs"), str("none"), str(""), str(path)])],
    [
      Host.wait,
      Buffer.concat([
        u8(random.below(8)),
        u8(0),
        u16(random.below(65_536)),
        u32(random.below(50)),
        u32(random.below(50)),
        str(random.pick(["localhost", "::1", "nobody.invalid", "/tmp/a"]))
      ])
    ],
    [Host.resumed, Buffer.concat([u64(BigInt(random.below(2))), str(random.bytes(random.below(40)))])],
    [Host.ping, random.bytes(random.below(70))],
    [Host.stdin, random.bytes(random.below(2000))],
    [Host.stdinEof, Buffer.alloc(0)],
    [Host.credit, Buffer.concat([u32(random.below(2 ** 32)), u32(random.below(2 ** 32))])],
    [Host.kill, Buffer.concat([u8(random.below(256)), u8(random.below(3))])],
    [Host.resize, Buffer.concat([u16(random.below(65_536)), u16(random.below(65_536))])]
  ])
}

const mutate = (random: Random, payload: Buffer): Buffer => {
  const copy = Buffer.from(payload)
  switch (random.below(6)) {
    case 0:
      return copy.subarray(0, random.below(copy.length + 1))
    case 1:
      return Buffer.concat([copy, random.bytes(random.below(40))])
    case 2:
      // A length or count that is far too large, anywhere.
      return copy.length < 4
        ? copy
        : Buffer.concat([
            copy.subarray(0, copy.length - 4),
            u32(random.pick([0xffff_ffff, 0x7fff_ffff, 0x8000_0000, 0x1000_0000]))
          ])
    case 3: {
      if (copy.length >= 4) copy.writeUInt32LE(random.below(2 ** 32), random.below(copy.length - 3))
      return copy
    }
    case 4: {
      for (let flips = random.below(8); flips > 0 && copy.length > 0; flips--)
        copy[random.below(copy.length)] = random.below(256)
      return copy
    }
    default:
      return copy
  }
}

/** Bytes that are not a frame of this session. */
const rubbish = (random: Random, key: number): Buffer => {
  const payload = random.bytes(random.below(60))
  const whole = frame({ type: Host.exec, id: 1, payload, sequence: random.below(4), key })
  switch (random.below(5)) {
    case 0:
      return random.bytes(random.below(3000))
    case 1:
      return whole
    case 2:
      return whole.subarray(0, random.below(whole.length))
    case 3:
      return Buffer.concat([
        whole.subarray(0, 8),
        u32(random.pick([maxPayloadBytes + 1, 0xffff_ffff, maxPayloadBytes])),
        whole.subarray(12)
      ])
    default:
      return Buffer.concat([syncMark.subarray(0, random.below(17)), random.bytes(random.below(30))])
  }
}

const attack = (random: Random, agent: AgentUnderTest): void => {
  for (let count = 0; count < framesOfSeed; count++) {
    if (random.chance(2)) {
      agent.sendRaw(rubbish(random, agent.key))
      return
    }
    const [type, payload] = valid(random)
    agent.send(
      random.chance(95) ? type : random.below(256),
      random.below(12),
      mutate(random, payload),
      random.chance(3)
    )
  }
}

for (const [build, env] of Object.entries(builds)) {
  describe(`hostile frames, the agent ${build}`, () => {
    const folder = mkdtempSync(join(tmpdir(), "nvt-build-"))
    beforeAll(() => {
      buildAgent(join(folder, "agent"), env)
    }, 120_000)
    afterAll(() => rmSync(folder, { recursive: true, force: true }))

    for (const seed of seeds) {
      test(`seed ${seed}: it survives, and answers the next SYNC`, async () => {
        const agent = await startJailed(join(folder, "agent"))
        onTestFinished(() => agent.close())
        const random = new Random(seed)
        for (let session = 0; session < 5; session++) {
          attack(random, agent)
          await agent.sync()
        }
        const { out, code } = await agent.exec("echo $((6 * 7)); exit 4")
        assert.deepStrictEqual([out, code], ["42\n", 4])
        // Leaks are looked for at the end.
        const exitCode = await agent.hangUp()
        assert.notMatch(agent.stderr, /Sanitizer|runtime error/u)
        assert.strictEqual(exitCode, 0)
      })
    }
  })
}
