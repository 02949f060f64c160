import { assert, layer } from "@effect/vitest"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import { ownIdentity, type ProcessIdentity } from "@nix-vm-test/core/host/ProcessIdentity"
import { fileLock } from "@nix-vm-test/core/store/FileLock"
import { nodeChild } from "../host/nodeChild.ts"
import { runNode } from "./runNode.ts"

const freshLock = Effect.map(
  FileSystem.FileSystem.use((fs) => fs.makeTempDirectoryScoped()),
  (directory) => ({ directory, path: `${directory}/it.lock` })
)

/** Leaves a lock as a process of this identity would have, had it ended without giving it back. */
const plant = (path: string, owner: Partial<ProcessIdentity>) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    yield* fs.writeFileString(path, JSON.stringify({ ...(yield* ownIdentity), ...owner }))
  })

const acquire = (path: string, timeoutMs?: number) => Effect.scoped(fileLock({ path, timeoutMs }))

const child = (name: string) => new URL(`./children/${name}`, import.meta.url)

layer(NodeFileSystem.layer, { excludeTestServices: true })("FileLock", (it) => {
  it.effect("is gone once its scope is closed, with all that was made on the way", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const { directory, path } = yield* freshLock
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* fileLock({ path })
          assert.deepStrictEqual(yield* fs.readDirectory(directory), ["it.lock"])
        })
      )
      assert.deepStrictEqual(yield* fs.readDirectory(directory), [])
    })
  )

  it.effect("three processes that each add to a number lose no step", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const { directory, path } = yield* freshLock
      const counter = `${directory}/counter`
      yield* fs.writeFileString(counter, "0")
      const add = runNode({ script: child("lockedCounter.ts"), args: [path, counter, "15"] })
      const outcomes = yield* Effect.all([add, add, add], { concurrency: "unbounded" })
      assert.deepStrictEqual(
        outcomes.map(({ stdout, stderr }) => stdout + stderr),
        ["done\n", "done\n", "done\n"]
      )
      assert.strictEqual(yield* fs.readFileString(counter), "45")
    })
  )

  it.effect("a living owner is waited for, with one notice that names it; its kill frees the lock", () =>
    Effect.gen(function* () {
      const { path } = yield* freshLock
      const holder = yield* nodeChild({ script: child("holdLock.ts"), args: [path] })
      assert.strictEqual(holder.line, "held")
      const seen: Array<number> = []
      const waiting = yield* Effect.forkChild(
        Effect.scoped(fileLock({ path, onWait: ({ pid }) => void seen.push(pid) }))
      )
      yield* Effect.sleep("300 millis")
      assert.isUndefined(waiting.pollUnsafe())
      yield* holder.kill
      yield* Fiber.join(waiting)
      assert.strictEqual(seen.length, 1)
      assert.notStrictEqual(seen[0], process.pid)
    })
  )

  it.effect("a wait that is too long fails and names the owner", () =>
    Effect.gen(function* () {
      const { path } = yield* freshLock
      yield* fileLock({ path })
      const error = yield* Effect.flip(acquire(path, 120))
      assert.strictEqual(error.reason._tag, "LockTimeout")
      assert.include(error.message, `process ${process.pid}`)
    })
  )

  it.effect("a wait can be interrupted, and leaves the lock to its owner", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const { path } = yield* freshLock
      yield* fileLock({ path })
      const waiting = yield* Effect.forkChild(acquire(path))
      yield* Effect.sleep("100 millis")
      yield* Fiber.interrupt(waiting)
      assert.isTrue(yield* fs.exists(path))
    })
  )

  it.effect.each([
    { title: "a pid that another process has now", owner: { startTime: "1" } },
    { title: "a process of an earlier boot", owner: { bootId: "an earlier one" } },
    { title: "a process that is gone", owner: { pid: 2 ** 22 + 1 } }
  ])("is taken over from $title", ({ owner }) =>
    Effect.gen(function* () {
      const { path } = yield* freshLock
      yield* plant(path, owner)
      yield* acquire(path, 2_000)
    })
  )

  it.effect("is taken over when a takeover itself was cut short, and when its text names nobody", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const { path } = yield* freshLock
      yield* plant(path, { startTime: "1" })
      yield* plant(`${path}.takeover`, { startTime: "1" })
      yield* acquire(path, 2_000)
      yield* fs.writeFileString(path, "")
      yield* acquire(path, 2_000)
    })
  )

  it.effect("an owner in another container counts as alive as long as it touches its lock", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const { path } = yield* freshLock
      yield* plant(path, { pidNamespace: "pid:[1]" })
      const error = yield* Effect.flip(acquire(path, 120))
      assert.strictEqual(error.reason._tag, "LockTimeout")
      const longAgo = Date.now() / 1000 - 3_600
      yield* fs.utimes(path, longAgo, longAgo)
      yield* acquire(path, 2_000)
    })
  )
})
