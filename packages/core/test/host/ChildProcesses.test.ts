import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { ChildProcesses, stderrTailBytes } from "@nix-vm-test/core/host/ChildProcesses"
import { nodeChild } from "./nodeChild.ts"
import { awaitGone, processState } from "./processState.ts"

const shell = (code: string) => ({ command: "sh", args: ["-c", code] })

layer(ChildProcesses.layer, { excludeTestServices: true })("ChildProcesses", (it) => {
  it.effect("runs a program and keeps both streams apart", () =>
    Effect.gen(function* () {
      const processes = yield* ChildProcesses
      const output = yield* processes.run({ ...shell("cat; echo bad >&2; exit 3"), stdin: "fed", timeoutMs: 20_000 })
      assert.deepStrictEqual(output, {
        exit: Option.some({ code: 3, signal: undefined }),
        stdout: "fed",
        stderr: "bad\n"
      })
    })
  )
  it.effect("arguments reach the program as they are, unread by any shell", () =>
    Effect.gen(function* () {
      const processes = yield* ChildProcesses
      const args = ["%s|", "a b", "$HOME;", "'\"\\", "--"]
      const output = yield* processes.run({ command: "printf", args, timeoutMs: 20_000 })
      assert.strictEqual(output.stdout, "a b|$HOME;|'\"\\|--|")
    })
  )
  it.effect("a program reads the file that it was given as its descriptor 3", () =>
    Effect.gen(function* () {
      const processes = yield* ChildProcesses
      const chunks: Array<Uint8Array> = []
      const onStdout = (chunk: Uint8Array) => void chunks.push(chunk)
      const child = yield* processes.spawn({ ...shell("cat <&3"), withFile: import.meta.filename, onStdout })
      assert.strictEqual((yield* child.exited).code, 0)
      assert.include(Buffer.concat(chunks).toString(), "as its descriptor 3")
      const missing = yield* Effect.flip(processes.spawn({ ...shell("true"), withFile: "/no/such/file" }))
      assert.strictEqual(missing.code, "ENOENT")
    })
  )
  it.effect("a death by signal is a result", () =>
    Effect.gen(function* () {
      const processes = yield* ChildProcesses
      const output = yield* processes.run({ ...shell("kill -ABRT $$"), timeoutMs: 20_000 })
      assert.deepStrictEqual(output.exit, Option.some({ code: undefined, signal: "SIGABRT" }))
    })
  )
  it.effect("a time-out kills, and what was written so far is kept", () =>
    Effect.gen(function* () {
      const processes = yield* ChildProcesses
      const output = yield* processes.run({ ...shell("echo before >&2; exec sleep 600"), timeoutMs: 500 })
      assert.isTrue(Option.isNone(output.exit))
      assert.strictEqual(output.stderr, "before\n")
    })
  )
  it.effect("only the end of a flood on stderr is kept", () =>
    Effect.gen(function* () {
      const processes = yield* ChildProcesses
      const output = yield* processes.run({
        ...shell("head -c 1000000 /dev/zero | tr '\\0' x >&2; printf END >&2"),
        timeoutMs: 20_000
      })
      assert.strictEqual(output.stderr.length, stderrTailBytes)
      assert.isTrue(output.stderr.endsWith("xEND"))
    })
  )
  it.effect("a descendant that holds stderr does not hide the end", () =>
    Effect.gen(function* () {
      const processes = yield* ChildProcesses
      const child = yield* processes.spawn(shell("sleep 20 & echo $! >&2"))
      assert.deepStrictEqual(yield* child.exited, { code: 0, signal: undefined })
      const descendant = Number(yield* child.stderrTail)
      assert.isDefined(processState(descendant))
      process.kill(descendant, "SIGKILL")
    })
  )
  it.effect("a program that is not there is told by its exit", () =>
    Effect.gen(function* () {
      const processes = yield* ChildProcesses
      const output = yield* processes.run({ command: "/no/such/program", args: [], timeoutMs: 20_000 })
      assert.deepStrictEqual(output.exit, Option.some({ code: 127, signal: undefined }))
      assert.include(output.stderr, "/no/such/program")
    })
  )
  it.effect("the kernel's refusal of the arguments is an error, not a crash", () =>
    Effect.gen(function* () {
      const processes = yield* ChildProcesses
      const error = yield* Effect.flip(
        processes.run({ command: "true", args: ["x".repeat(4 * 1024 * 1024)], timeoutMs: 20_000 })
      )
      assert.strictEqual(error.code, "E2BIG")
    })
  )
  it.effect("a signal to a process that has ended does nothing", () =>
    Effect.gen(function* () {
      const processes = yield* ChildProcesses
      const child = yield* processes.spawn({ command: "true", args: [] })
      yield* child.exited
      yield* child.signal("SIGKILL")
      assert.deepStrictEqual(yield* child.exited, { code: 0, signal: undefined })
    })
  )
  it.effect("closing the Scope kills a process that ignores SIGTERM, and what it started, and reaps it", () =>
    Effect.gen(function* () {
      const processes = yield* ChildProcesses
      const scope = yield* Scope.make()
      const child = yield* Scope.provide(processes.spawn(shell("trap '' TERM; sleep 600 & echo $! >&2; wait")), scope)
      const descendant = Number(
        yield* Effect.repeat(child.stderrTail, {
          until: (text) => text.endsWith("\n"),
          schedule: Schedule.spaced("5 millis")
        })
      )
      assert.isDefined(processState(child.pid))
      assert.isDefined(processState(descendant))
      yield* Scope.close(scope, Exit.void)
      assert.isUndefined(processState(child.pid))
      yield* awaitGone(descendant)
    })
  )
  it.effect("a driver that is killed takes its processes along", () =>
    Effect.gen(function* () {
      const driver = yield* nodeChild({ script: new URL("./children/spawnSleep.ts", import.meta.url) })
      const pid = Number(driver.line)
      assert.isDefined(processState(pid))
      yield* driver.kill
      yield* awaitGone(pid)
    })
  )
  it.effect("a driver that is killed before its process is guarded leaves none", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* fs.makeTempDirectoryScoped()
      // Widens the moment between the fork and the guard, a millisecond or more, to as long as the driver lives.
      const slowGuard = [
        "#!/bin/sh",
        // A driver that was dead before this began has left its child to another parent, which stays: that is late enough, too.
        "parent=$PPID tries=0",
        'while [ "$parent" = "$PPID" ] && [ $((tries += 1)) -lt 300 ]; do sleep 0.01; read -r _ _ _ parent _ </proc/$$/stat; done',
        'PATH=${PATH#*:} exec setpriv "$@"'
      ].join("\n")
      yield* fs.writeFileString(`${directory}/setpriv`, slowGuard, { mode: 0o755 })
      const driver = yield* nodeChild({
        script: new URL("./children/spawnAndDie.ts", import.meta.url),
        args: ["touch", `${directory}/started`],
        env: { PATH: `${directory}:${process.env["PATH"]}` }
      })
      yield* awaitGone(Number(driver.line))
      assert.isFalse(yield* fs.exists(`${directory}/started`))
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )
})
