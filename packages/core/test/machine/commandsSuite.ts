import { assert } from "@effect/vitest"
import { TestFailure } from "@nix-vm-test/core/machine/TestFailure"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { eventsDuring, type GuestSuite, theMachine } from "../support/guestSuite.ts"

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
const bytes = (line: string): Uint8Array => new TextEncoder().encode(line)

export const commandsSuite: GuestSuite = (it) => {
  it.effect("gives stdout of a command that succeeds, and both streams and the code of one that fails", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      assert.strictEqual(yield* vm.succeed("echo out; echo err >&2"), "out\n")
      const failure = yield* Effect.flip(vm.succeed("echo partial; echo why >&2; exit 3"))
      assert.instanceOf(failure, TestFailure)
      assert.include(failure.message, "command `echo partial; echo why >&2; exit 3` failed (exit code 3)")
      assert.deepStrictEqual(failure.evidence, [
        { title: "stdout", text: "partial" },
        { title: "stderr", text: "why" }
      ])
    })
  )

  it.effect("gives stdout of a command that fails as it must, and fails when it does not", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      assert.strictEqual(yield* vm.fail("echo so far; exit 7"), "so far\n")
      const failure = yield* Effect.flip(vm.fail("echo fine"))
      assert.include(failure.message, "command `echo fine` unexpectedly succeeded")
      assert.strictEqual(failure.reason._tag, "CommandSucceeded")
    })
  )

  it.effect("gives a program its arguments as they are, without a shell", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      const words = ["", "a  b", "$HOME", "'\"", "*", "line\nbreak", "ü"]
      assert.strictEqual(yield* vm.succeed(["printf", "<%s>", ...words]), words.map((word) => `<${word}>`).join(""))
    })
  )

  it.effect("feeds stdin: text, bytes with zeros, more than a pipe holds, and end of file without it", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      assert.strictEqual(yield* vm.succeed("cat; echo end", { stdin: "grüße\n" }), "grüße\nend\n")
      const binary = Uint8Array.from({ length: 300_000 }, (_, index) => index % 256)
      assert.deepStrictEqual((yield* vm.exec(["cat"], { stdin: binary })).stdout, binary)
      assert.strictEqual(yield* vm.succeed("cat; echo end"), "end\n")
    })
  )

  it.effect("has the environment, the folder and the user that were asked for", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      yield* vm.succeed("useradd --create-home carol")
      const ask = 'echo "$GREETING|$PWD|$(whoami)|$HOME"'
      assert.strictEqual(yield* vm.succeed(ask, { env: { GREETING: "it's $5" } }), "it's $5|/root|root|/root\n")
      assert.strictEqual(
        yield* vm.succeed(ask, { user: "carol", env: { GREETING: "" } }),
        "|/home/carol|carol|/home/carol\n"
      )
      assert.strictEqual(
        yield* vm.succeed(["sh", "-c", "pwd; id -un"], { user: "carol", cwd: "/etc" }),
        "/etc\ncarol\n"
      )
      yield* vm.succeed("userdel --remove carol 2>/dev/null")
    })
  )

  it.effect("tells a program, a user or a folder that is not there as the test's own failure", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      for (const [command, options] of [
        [["no-such-program"], {}],
        ["true", { user: "nobody-knows" }],
        ["true", { cwd: "/no/such/folder" }]
      ] as const) {
        const failure = yield* Effect.flip(vm.succeed(command, options))
        assert.strictEqual(failure.reason._tag, "CommandRefused", failure.message)
        assert.strictEqual((yield* Effect.flip(vm.exec(command, options))).reason._tag, "CommandRefused")
      }
      assert.strictEqual((yield* vm.exec("no-such-program")).exitCode, 127)
    })
  )

  it.effect("is strict with shell code unless told otherwise", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      const loose = { strict: false }
      assert.strictEqual((yield* vm.exec("false; echo after")).text, "")
      assert.strictEqual((yield* vm.exec("false; echo after", loose)).text, "after\n")
      assert.strictEqual((yield* vm.exec("false | true")).exitCode, 1)
      assert.strictEqual((yield* vm.exec("false | true", loose)).exitCode, 0)
      yield* vm.fail('echo "$NOT_SET_ANYWHERE"')
      yield* vm.succeed('echo "$NOT_SET_ANYWHERE"', loose)
    })
  )

  it.effect("keeps output that is no text", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      const result = yield* vm.exec(String.raw`printf '\377\000a'`)
      assert.deepStrictEqual([...result.stdout], [0xff, 0, 0x61])
      assert.strictEqual(result.text, "\uFFFD\0a")
    })
  )

  it.effect("tells a signal from an exit code that looks like one", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      assert.deepInclude(yield* vm.exec(["sh", "-c", "kill -9 $$"]), { exitCode: 137, signal: 9 })
      assert.deepInclude(yield* vm.exec("kill -9 $BASHPID"), { exitCode: 137, signal: 9 })
      assert.deepInclude(yield* vm.exec("exit 137"), { exitCode: 137, signal: 0 })
      const failure = yield* Effect.flip(vm.succeed("kill -15 $BASHPID"))
      assert.include(failure.message, "killed by signal 15")
    })
  )

  it.effect("kills a command and all its processes at its time-out, and keeps what it wrote", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      const result = yield* vm.exec("echo part; sleep 777 | cat", { timeout: 1 })
      assert.deepInclude(result, { timedOut: true, text: "part\n" })
      assert.strictEqual((yield* vm.exec(["pgrep", "-fx", "sleep 777"])).text, "")
      const failure = yield* Effect.flip(vm.succeed("echo part; echo err >&2; sleep 778", { timeout: "500ms" }))
      assert.include(failure.message, "did not end within 0.5 s and was killed")
      assert.instanceOf(failure, TestFailure)
      assert.deepStrictEqual(failure.evidence, [
        { title: "stdout", text: "part" },
        { title: "stderr", text: "err" }
      ])
      assert.strictEqual(
        (yield* Effect.flip(vm.succeed("true", { timeout: "soon" }))).message,
        '"soon" is no duration: write seconds as a number, or "90s", "15min"'
      )
    })
  )

  it.effect("warns of a process that stays behind, and keeps its output out of later commands", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      const warnings = yield* eventsDuring(
        "Log",
        vm.succeed("(while :; do echo noise; echo noise >&2; sleep 0.05; done) & echo started")
      )
      assert.lengthOf(warnings, 1)
      assert.deepInclude(warnings[0], { level: "warning", machine: "vm" })
      assert.deepInclude(yield* vm.exec("sleep 0.3; echo clean"), { text: "clean\n", leftRunning: false, exitCode: 0 })
      const quiet = yield* eventsDuring("Log", vm.succeed("setsid sleep 779 >/dev/null 2>&1 </dev/null & echo started"))
      assert.deepStrictEqual(quiet, [])
      yield* vm.succeed("pkill -fx 'sleep 779'")
    })
  )

  it.effect("runs twenty commands at once, each with its own streams", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      const numbers = Array.from({ length: 20 }, (_, index) => index)
      const results = yield* Effect.forEach(
        numbers,
        (n) => vm.exec(`sleep 0.2; cat; echo err-${n} >&2; exit ${n}`, { stdin: `in-${n}` }),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        results.map((result) => [result.text, text(result.stderr), result.exitCode]),
        numbers.map((n) => [`in-${n}`, `err-${n}\n`, n])
      )
    })
  )

  it.effect("ends a command that writes more than it may", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      const failure = yield* Effect.flip(vm.succeed("cat /dev/zero", { maxOutputBytes: 100_000 }))
      assert.strictEqual(failure.reason._tag, "CommandRefused", failure.message)
      assert.include(failure.message, "100000")
      assert.strictEqual(
        yield* vm.succeed("head -c 100000 /dev/zero | tr '\\0' x", { maxOutputBytes: 100_000 }),
        "x".repeat(100_000)
      )
    })
  )

  it.effect("shows a command's output in the report while it runs, and no flood of it", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      const chunks = yield* eventsDuring("CommandOutput", vm.succeed("echo out; sleep 0.3; echo err >&2"))
      assert.deepStrictEqual(
        chunks.map(({ stream, text }) => [stream, text]),
        [
          ["stdout", "out\n"],
          ["stderr", "err\n"]
        ]
      )
      const flood = yield* eventsDuring("CommandOutput", vm.exec("head -c 1000000 /dev/zero | tr '\\0' x"))
      const shown = flood.map((chunk) => chunk.text).join("")
      assert.isBelow(shown.length, 70_000)
      assert.include(shown, "more output, not shown")
    })
  )

  it.effect("talks with a command while it runs", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      const process = yield* vm.spawn('while read -r line; do echo "got $line"; done; echo bye >&2; exit 4', {
        interactiveStdin: true
      })
      const seen: Array<string> = []
      const reading = yield* Effect.forkChild(
        Stream.runForEach(Stream.splitLines(Stream.decodeText(process.stdout)), (line) =>
          Effect.gen(function* () {
            seen.push(line)
            yield* line === "got one" ? process.write(bytes("two\n")) : process.endStdin
          })
        )
      )
      yield* process.write(bytes("one\n"))
      yield* Fiber.join(reading)
      assert.deepStrictEqual(seen, ["got one", "got two"])
      assert.strictEqual(yield* Stream.mkString(Stream.decodeText(process.stderr)), "bye\n")
      assert.deepInclude(yield* process.exit, { exitCode: 4, signal: 0 })
    })
  )

  it.effect("gives a command a terminal of the size that was asked for", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      const process = yield* vm.spawn("test -t 0 && test -t 1 && stty size; read -r name; echo hello $name", {
        terminal: { rows: 33, columns: 111 }
      })
      yield* process.write(bytes("you\n"))
      const output = yield* Stream.mkString(Stream.decodeText(process.stdout))
      assert.include(output, "33 111")
      assert.include(output, "hello you")
      assert.deepInclude(yield* process.exit, { exitCode: 0 })
    })
  )

  it.effect("signals a command that runs, and kills it with its scope", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      const process = yield* vm.spawn(["sleep", "780"])
      yield* process.kill(15)
      assert.deepInclude(yield* process.exit, { signal: 15 })
      yield* Effect.scoped(vm.spawn("sleep 781 | cat"))
      yield* vm.waitUntilFails(["pgrep", "-fx", "sleep 781"])
    })
  )

  it.effect("repeats a command until it succeeds or fails", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      yield* vm.spawn("sleep 1; echo late > /tmp/later; sleep 1; rm /tmp/later")
      assert.strictEqual(yield* vm.waitUntilSucceeds("cat /tmp/later"), "late\n")
      yield* vm.waitUntilFails("test -e /tmp/later")
    })
  )

  it.effect("says what the last try of a wait wrote, and how it ended", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      const failure = yield* Effect.flip(vm.waitUntilSucceeds("echo not yet; exit 5", { timeout: 1 }))
      assert.include(failure.message, "waited 1 s for `echo not yet; exit 5` to succeed; last seen: exit code 5")
      assert.deepInclude(failure.evidence, { title: "stdout", text: "not yet" })
      const opposite = yield* Effect.flip(vm.waitUntilFails("echo still", { timeout: "800ms" }))
      assert.include(opposite.message, "waited 0.8 s for `echo still` to fail; last seen: exit code 0")
      assert.deepInclude(opposite.evidence, { title: "stdout", text: "still" })
      const hanging = yield* Effect.flip(vm.waitUntilSucceeds("echo stuck; sleep 782", { timeout: 1 }))
      assert.include(hanging.message, "it did not end in time")
      assert.deepInclude(hanging.evidence, { title: "stdout", text: "stuck" })
      assert.strictEqual((yield* vm.exec(["pgrep", "-fx", "sleep 782"])).text, "")
    })
  )
}
