/** What every `GuestChannel` must do with a Linux behind it; run natively and, where a guest boots, in it. */
import * as os from "node:os"
import { assert, type Vitest } from "@effect/vitest"
import type { GuestChannel } from "@nix-vm-test/core/guest/GuestChannel"
import type { GuestError } from "@nix-vm-test/core/guest/GuestError"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
const bytes = (string: string): Uint8Array => new TextEncoder().encode(string)
const reasonOf = <R>(call: Effect.Effect<unknown, GuestError, R>) =>
  Effect.map(Effect.flip(call), (error) => error.reason)

/** Bytes that repeat nowhere in the range of a frame or a window. */
const noise = (size: number): Buffer => {
  const buffer = Buffer.allocUnsafe(size)
  let state = 0x9e37_79b9
  for (let at = 0; at + 4 <= size; at += 4) {
    // Marsaglia's xorshift32.
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    buffer.writeInt32LE(state | 0, at)
  }
  return buffer
}

export const guestChannelSuite = <R>(
  it: Vitest.MethodsNonLive<R>,
  options: {
    readonly open: Effect.Effect<GuestChannel, GuestError, R | Scope.Scope>
    /** The user that the agent runs as, and another one where it may become that. */
    readonly user: string
    /** Bytes of the bulk tests. */
    readonly bulkBytes: number
    readonly timeoutMs: number
  }
): void => {
  const { open, timeoutMs, bulkBytes } = options
  const test = (
    name: string,
    body: (channel: GuestChannel, directory: string) => Effect.Effect<void, unknown, Scope.Scope>
  ): void =>
    it.effect(
      name,
      () =>
        Effect.gen(function* () {
          const channel = yield* open
          const directory = yield* Effect.acquireRelease(
            Effect.map(channel.exec({ command: "mktemp -d" }), ({ stdout }) => text(stdout).trim()),
            (path) => Effect.ignore(channel.exec({ command: ["rm", "-rf", path] }))
          )
          yield* body(channel, directory)
        }),
      timeoutMs
    )

  test("exec: streams apart, exit codes and signals exact", (channel) =>
    Effect.gen(function* () {
      const both = yield* channel.exec({ command: "echo out; echo err >&2; exit 3" })
      assert.deepStrictEqual(
        [text(both.stdout), text(both.stderr), both.exitCode, both.signal],
        ["out\n", "err\n", 3, 0]
      )
      const killed = yield* channel.exec({ command: "kill -9 $BASHPID" })
      assert.deepStrictEqual([killed.exitCode, killed.signal], [137, 9])
      const pretended = yield* channel.exec({ command: "exit 137" })
      assert.deepStrictEqual([pretended.exitCode, pretended.signal], [137, 0])
    }))

  test("exec: strict unless told otherwise", (channel) =>
    Effect.gen(function* () {
      assert.strictEqual((yield* channel.exec({ command: "false | true; echo not reached" })).exitCode, 1)
      assert.strictEqual(
        text((yield* channel.exec({ command: "false | true; echo reached", strict: false })).stdout),
        "reached\n"
      )
    }))

  test("exec: environment, folder and arguments without a shell", (channel, directory) =>
    Effect.gen(function* () {
      const value = `a "b" 'c' $d\n\\ü`
      const inShell = yield* channel.exec({ command: 'printf %s "$X"; pwd', env: { X: value }, cwd: directory })
      assert.strictEqual(text(inShell.stdout), `${value}${directory}\n`)
      const program = yield* channel.exec({ command: ["printf", "%s|", value, "", "*"], cwd: directory })
      assert.strictEqual(text(program.stdout), `${value}||*|`)
      const missing = yield* reasonOf(channel.exec({ command: ["/no/such/program"] }))
      assert.deepStrictEqual(missing, {
        _tag: "GuestRefused",
        operation: "run",
        subject: "/no/such/program",
        code: "ENOENT"
      })
    }))

  test("exec: as another user", (channel) =>
    Effect.gen(function* () {
      assert.strictEqual(
        text((yield* channel.exec({ command: "id -un", user: options.user })).stdout),
        `${options.user}\n`
      )
      const unknown = yield* reasonOf(channel.exec({ command: "true", user: "no-such-user" }))
      assert.strictEqual(unknown._tag, "GuestRefused")
    }))

  test("exec: stdin is what was given, or at its end", (channel) =>
    Effect.gen(function* () {
      assert.strictEqual(text((yield* channel.exec({ command: "cat; echo end" })).stdout), "end\n")
      assert.strictEqual(text((yield* channel.exec({ command: "cat", stdin: bytes("given") })).stdout), "given")
      const stream = Stream.make(bytes("a"), bytes("b"))
      assert.strictEqual(text((yield* channel.exec({ command: "cat", stdin: stream })).stdout), "ab")
      const endless = Stream.forever(Stream.make(noise(10_000)))
      assert.strictEqual((yield* channel.exec({ command: "head -c 3 > /dev/null", stdin: endless })).exitCode, 0)
    }))

  test("exec: bulk in and out, every byte", (channel) =>
    Effect.gen(function* () {
      const content = noise(bulkBytes)
      const { stdout } = yield* channel.exec({ command: "cat", stdin: content, maxOutputBytes: bulkBytes })
      assert.isTrue(content.equals(stdout))
    }))

  test("exec: a time-out kills the group and keeps what was written", (channel) =>
    Effect.gen(function* () {
      const result = yield* channel.exec({ command: "echo part; sleep 1000 | cat", timeoutMs: 300 })
      assert.deepStrictEqual([text(result.stdout), result.timedOut], ["part\n", true])
    }))

  test("exec: many at once, and each is itself", (channel) =>
    Effect.gen(function* () {
      const numbers = Array.from({ length: 20 }, (_, index) => index)
      const results = yield* Effect.forEach(
        numbers,
        (number) => channel.exec({ command: `sleep 0.1; echo ${number}; exit ${number}` }),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        results.map((result) => [text(result.stdout), result.exitCode]),
        numbers.map((number) => [`${number}\n`, number])
      )
    }))

  test("exec: a daemon left behind is told of, and never heard in later commands", (channel) =>
    Effect.gen(function* () {
      const result = yield* channel.exec({ command: "(sleep 0.3; echo LATE; exec sleep 2) & echo started" })
      assert.deepStrictEqual([text(result.stdout), result.leftRunning, result.exitCode], ["started\n", true, 0])
      assert.strictEqual(text((yield* channel.exec({ command: "sleep 0.6; echo next" })).stdout), "next\n")
    }))

  test("exec: interrupted, its processes are gone", (channel, directory) =>
    Effect.gen(function* () {
      const pidFile = `${directory}/pid`
      const call = yield* Effect.forkChild(channel.exec({ command: `echo $BASHPID > ${pidFile}; sleep 1000` }), {
        startImmediately: true
      })
      yield* channel.exec({ command: `until [ -s ${pidFile} ]; do sleep 0.02; done` })
      yield* Fiber.interrupt(call)
      const gone = channel.exec({ command: `! kill -0 $(cat ${pidFile}) 2> /dev/null` })
      yield* Effect.repeat(gone, { schedule: Schedule.spaced("20 millis"), until: ({ exitCode }) => exitCode === 0 })
    }))

  test("exec: more output than allowed ends the command", (channel) =>
    Effect.gen(function* () {
      const reason = yield* reasonOf(channel.exec({ command: "yes", maxOutputBytes: 1_000_000 }))
      assert.deepStrictEqual(reason, { _tag: "OutputTooLarge", limitBytes: 1_000_000 })
      assert.strictEqual(text((yield* channel.exec({ command: "echo next" })).stdout), "next\n")
    }))

  test("spawn: a slow reader stops its own process only, and gets every byte", (channel) =>
    Effect.gen(function* () {
      const process = yield* channel.spawn({ command: `head -c ${bulkBytes} /dev/zero | tr '\\0' x; echo end >&2` })
      yield* Effect.sleep(100)
      assert.strictEqual(text((yield* channel.exec({ command: "echo beside" })).stdout), "beside\n")
      let received = 0
      yield* Stream.runForEach(process.stdout, (chunk) =>
        Effect.sync(() => {
          assert.isTrue(chunk.every((byte) => byte === 0x78))
          received += chunk.length
        })
      )
      assert.strictEqual(received, bulkBytes)
      assert.strictEqual(text(Buffer.concat(yield* Stream.runCollect(process.stderr))), "end\n")
      assert.strictEqual((yield* process.exit).exitCode, 0)
    }))

  test("spawn: a conversation over stdin, signals, the end", (channel) =>
    Effect.gen(function* () {
      const cat = yield* channel.spawn({ command: ["cat"], interactiveStdin: true })
      assert.isAbove(cat.pid, 1)
      yield* cat.write(bytes("one\n"))
      const first = yield* Stream.runCollect(Stream.take(cat.stdout, 1))
      assert.strictEqual(text(Buffer.concat(first)), "one\n")
      yield* cat.endStdin
      assert.strictEqual((yield* cat.exit).exitCode, 0)
      assert.strictEqual((yield* reasonOf(cat.write(bytes("late"))))._tag, "GuestRefused")
      const sleeper = yield* channel.spawn({ command: ["sleep", "1000"] })
      yield* sleeper.kill(15)
      assert.deepStrictEqual(yield* sleeper.exit, { exitCode: 143, signal: 15, timedOut: false, leftRunning: false })
    }))

  test("spawn: a terminal of the size that was asked for", (channel) =>
    Effect.gen(function* () {
      const shell = yield* channel.spawn({
        command: "stty size; read -r line; stty size",
        terminal: { rows: 24, columns: 80 }
      })
      let screen = ""
      yield* Stream.runForEach(shell.stdout, (chunk) =>
        Effect.suspend(() => {
          const before = screen
          screen += text(chunk)
          return screen.includes("24 80\r\n") && !before.includes("24 80\r\n")
            ? Effect.andThen(shell.resize({ rows: 50, columns: 132 }), shell.write(bytes("go\n")))
            : Effect.void
        })
      )
      assert.strictEqual(screen, "24 80\r\ngo\r\n50 132\r\n")
    }))

  test("files: content, mode and owner, there and back", (channel, directory) =>
    Effect.gen(function* () {
      const path = `${directory}/new/ä file`
      const content = noise(bulkBytes)
      const { uid, gid } = os.userInfo()
      yield* channel.writeFile({ path, content, mode: 0o640, uid, gid })
      const { stat, read } = yield* Effect.scoped(
        Effect.gen(function* () {
          const file = yield* channel.readFile(path)
          return { stat: file.stat, read: Buffer.concat(yield* Stream.runCollect(file.content)) }
        })
      )
      assert.isTrue(content.equals(read))
      assert.deepStrictEqual([stat.kind, stat.mode, stat.size], ["file", 0o640, bulkBytes])
      yield* channel.writeFile({ path, content: Stream.make(bytes("short"), bytes("er")), uid, gid })
      assert.strictEqual(text((yield* channel.exec({ command: ["cat", path] })).stdout), "shorter")
    }))

  test("files: one that is not read to its end blocks nothing", (channel, directory) =>
    Effect.gen(function* () {
      yield* channel.exec({ command: `head -c ${bulkBytes} /dev/zero > ${directory}/big` })
      yield* Effect.scoped(
        Effect.gen(function* () {
          const file = yield* channel.readFile(`${directory}/big`)
          const [first] = yield* Stream.runCollect(Stream.take(file.content, 1))
          assert.isAbove(first?.length ?? 0, 0)
        })
      )
      assert.strictEqual(text((yield* channel.exec({ command: "echo next" })).stdout), "next\n")
    }))

  test("files: an interrupted write leaves nothing behind", (channel, directory) =>
    Effect.gen(function* () {
      const stuck = Stream.concat(Stream.make(bytes("half")), Stream.never)
      yield* Effect.timeoutOption(channel.writeFile({ path: `${directory}/half`, content: stuck, ...ownerless }), 200)
      const empty = channel.list(directory)
      yield* Effect.repeat(empty, { schedule: Schedule.spaced("20 millis"), until: (entries) => entries.length === 0 })
    }))

  test("files: directories, links, listings, and what is refused", (channel, directory) =>
    Effect.gen(function* () {
      yield* channel.makeDirectory({ path: `${directory}/a/b`, mode: 0o700, ...ownerless })
      yield* channel.makeSymlink({ path: `${directory}/link`, target: "a/b" })
      yield* channel.exec({ command: `cd ${directory}; touch empty; mkfifo fifo; touch -d @1700000000.5 a` })
      const entries = (yield* channel.list(directory)).toSorted((a, b) => (a.name < b.name ? -1 : 1))
      assert.deepStrictEqual(
        entries.map(({ name, kind, linkTarget }) => [name, kind, linkTarget]),
        [
          ["a", "directory", undefined],
          ["empty", "file", undefined],
          ["fifo", "other", undefined],
          ["link", "symlink", "a/b"]
        ]
      )
      assert.strictEqual(entries[0]?.modifiedMs, 1_700_000_000_500)
      const link = yield* channel.stat(`${directory}/link`, { follow: false })
      assert.deepStrictEqual([link.kind, link.linkTarget], ["symlink", "a/b"])
      const followed = yield* channel.stat(`${directory}/link`)
      assert.deepStrictEqual([followed.kind, followed.mode], ["directory", 0o700])
      const refused = { _tag: "GuestRefused", subject: `${directory}/none` } as const
      assert.deepStrictEqual(yield* reasonOf(channel.stat(`${directory}/none`)), {
        ...refused,
        operation: "stat",
        code: "ENOENT"
      })
      assert.deepStrictEqual(yield* reasonOf(channel.list(`${directory}/none`)), {
        ...refused,
        operation: "list",
        code: "ENOENT"
      })
      const read = Effect.scoped(channel.readFile(`${directory}/none`))
      assert.deepStrictEqual(yield* reasonOf(read), { ...refused, operation: "read", code: "ENOENT" })
      const overDirectory = yield* reasonOf(channel.writeFile({ path: directory, content: bytes("x") }))
      assert.deepStrictEqual(overDirectory, {
        _tag: "GuestRefused",
        operation: "write",
        subject: directory,
        code: "EISDIR"
      })
    }))

  test("files: a directory of thousands", (channel, directory) =>
    Effect.gen(function* () {
      yield* channel.exec({ command: `cd ${directory}; seq 5000 | xargs touch` })
      const names = (yield* channel.list(directory)).map((entry) => Number(entry.name)).toSorted((a, b) => a - b)
      assert.deepStrictEqual(
        names,
        Array.from({ length: 5000 }, (_, index) => index + 1)
      )
    }))

  test("probes: paths, one try or until they hold", (channel, directory) =>
    Effect.gen(function* () {
      const path = `${directory}/flag`
      const absent = yield* channel.probe({ probe: { kind: "pathAbsent", path }, timeoutMs: 0 })
      assert.deepStrictEqual([absent.satisfied, absent.tries], [true, 1])
      const once = yield* channel.probe({ probe: { kind: "pathExists", path }, timeoutMs: 0 })
      assert.deepStrictEqual(once, { satisfied: false, tries: 1, last: "ENOENT" })
      const waiting = yield* Effect.forkChild(
        channel.probe({ probe: { kind: "pathExists", path }, timeoutMs: 60_000 }),
        { startImmediately: true }
      )
      yield* channel.exec({ command: ["touch", path] })
      const seen = yield* Fiber.join(waiting)
      assert.deepStrictEqual([seen.satisfied, seen.last], [true, "OK"])
    }))

  test("probes: ports that nobody listens on", (channel) =>
    Effect.gen(function* () {
      // Port 1 (tcpmux) is in no guest's use.
      const closed = yield* channel.probe({ probe: { kind: "tcpClosed", host: "127.0.0.1", port: 1 }, timeoutMs: 0 })
      assert.isTrue(closed.satisfied)
      const open = yield* channel.probe({ probe: { kind: "tcpOpen", host: "127.0.0.1", port: 1 }, timeoutMs: 100 })
      assert.deepStrictEqual([open.satisfied, open.last], [false, "ECONNREFUSED"])
      assert.isAbove(open.tries, 1)
    }))

  test("ping, and an interrupted wait", (channel, directory) =>
    Effect.gen(function* () {
      assert.isAbove(yield* channel.ping(), 0)
      const never = channel.probe({ probe: { kind: "pathExists", path: `${directory}/never` }, timeoutMs: 3_600_000 })
      yield* Effect.timeoutOption(never, 50)
      assert.isAbove(yield* channel.ping(), 0)
    }))
}

/** The agent of a native run may not be root: files stay its own. */
const ownerless = ((): { readonly uid: number; readonly gid: number } => {
  const { uid, gid } = os.userInfo()
  return { uid, gid }
})()
