import { assert } from "@effect/vitest"
import { TestFailure } from "@nix-vm-test/core/machine/TestFailure"
import * as Effect from "effect/Effect"
import { type GuestSuite, theMachine } from "../support/guestSuite.ts"

/** Serves a port or socket with Python until the Scope closes. */
const python = (code: string) =>
  Effect.flatMap(theMachine, (vm) => vm.spawn(["python3", "-c", `import socket, time\n${code}\ntime.sleep(787)`]))

const titles = (failure: unknown): ReadonlyArray<string> => {
  assert.instanceOf(failure, TestFailure)
  return failure.evidence.map((block) => block.title)
}

export const waitsSuite: GuestSuite = (it) => {
  it.effect("waits for a file that appears later, and shows the folder when it does not", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      yield* vm.spawn("sleep 1; mkdir '/tmp/a b'; sleep 0.3; touch '/tmp/a b/c'")
      yield* vm.waitForFile("/tmp/a b/c")
      const failure = yield* Effect.flip(vm.waitForFile("/tmp/a b/never", { timeout: "300ms" }))
      assert.include(failure.message, 'waited 0.3 s for file "/tmp/a b/never"; last seen: ENOENT')
      assert.instanceOf(failure, TestFailure)
      const folder = failure.evidence.find((block) => block.title === "the folder it should be in")
      assert.match(folder?.text ?? "", / c$/m)
    })
  )

  it.effect("waits for a port that opens later, and for its end", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      yield* vm.waitForClosedPort(4001)
      const server = yield* python("time.sleep(1); s = socket.create_server(('127.0.0.1', 4001))")
      yield* vm.waitForOpenPort(4001)
      yield* vm.waitForOpenPort(4001, { address: "127.0.0.1" })
      yield* vm.spawn(["sh", "-c", `sleep 1; kill ${server.pid}`])
      yield* vm.waitForClosedPort(4001)
    })
  )

  it.effect("finds a port that is open on IPv6 only, and not on another address", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      yield* python("s = socket.create_server(('::1', 4002), family=socket.AF_INET6)")
      yield* vm.waitForOpenPort(4002)
      const failure = yield* Effect.flip(vm.waitForOpenPort(4002, { address: "127.0.0.1", timeout: "300ms" }))
      assert.include(failure.message, "TCP port 4002 on 127.0.0.1; last seen: ECONNREFUSED")
    })
  )

  it.effect("lists what listens when a port does not open, or does not close", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      yield* python("s = socket.create_server(('127.0.0.1', 4003))")
      yield* vm.waitForOpenPort(4003)
      for (const wait of [
        vm.waitForOpenPort(4004, { timeout: "300ms" }),
        vm.waitForClosedPort(4003, { timeout: "300ms" })
      ]) {
        const failure = yield* Effect.flip(wait)
        assert.include(titles(failure), "listening TCP sockets")
        assert.instanceOf(failure, TestFailure)
        assert.include(failure.evidence[0]?.text, "127.0.0.1:4003")
      }
    })
  )

  it.effect("waits for Unix sockets of streams and of datagrams", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      yield* python(`time.sleep(1)
s = socket.socket(socket.AF_UNIX); s.bind('/tmp/stream'); s.listen()
d = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); d.bind('/tmp/datagram')`)
      yield* vm.waitForOpenUnixSocket("/tmp/stream")
      yield* vm.waitForOpenUnixSocket("/tmp/datagram", { datagram: true })
      const failure = yield* Effect.flip(vm.waitForOpenUnixSocket("/tmp/datagram", { timeout: "300ms" }))
      assert.include(
        failure.message,
        'waited 0.3 s for UNIX-domain stream socket "/tmp/datagram"; last seen: EPROTOTYPE'
      )
      assert.include(titles(failure), "Unix sockets")
    })
  )

  it.effect("waits for text on the console, and matches each text once", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      yield* vm.spawn("sleep 1; echo 'tick 1' > /dev/ttyS0; sleep 0.5; echo 'tick 2' > /dev/ttyS0")
      assert.strictEqual(yield* vm.waitForConsoleText(/tick \d/), "tick 1")
      assert.strictEqual(yield* vm.waitForConsoleText("tick"), "tick")
      const failure = yield* Effect.flip(vm.waitForConsoleText("tick", { timeout: "300ms" }))
      assert.include(failure.message, "waited 0.3 s for console text tick; last seen: tick 2")
      assert.include(titles(failure), "console")
    })
  )

  it.effect("keeps what the console said, as lines", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      yield* vm.succeed("echo 'said on the console' > /dev/ttyS0")
      yield* vm.waitForConsoleText("said on the console")
      const log = yield* vm.getConsoleLog()
      assert.match(log, /^said on the console$/m)
      assert.notInclude(log, "\r")
    })
  )
}
