import * as fs from "node:fs"
import * as net from "node:net"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, layer } from "@effect/vitest"
import { receiveInto } from "@nix-vm-test/core/host/StateSocket"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"

const folder = FileSystem.FileSystem.use((files) => files.makeTempDirectoryScoped({ prefix: "nvt-" }))

layer(NodeServices.layer, { excludeTestServices: true })("a state's stream", (it) => {
  const send = (socket: string, content: string | Buffer) =>
    Effect.callback<void, string>((resume) => {
      const connection = net.createConnection(socket, () => connection.end(content, () => resume(Effect.void)))
      connection.once("error", (error) => resume(Effect.fail(error.message)))
    })

  it.effect("becomes a file, every byte of it", () =>
    Effect.gen(function* () {
      const root = yield* folder
      const content = Buffer.from(Array.from({ length: 3_000_000 }, (_, index) => (index * 31) % 251))
      const socket = `${root}/s`
      yield* receiveInto({ socket, file: `${root}/to` }, send(socket, content))
      assert.isTrue(fs.readFileSync(`${root}/to`).equals(content))
    })
  )

  it.effect("fails when the file can't be written", () =>
    Effect.gen(function* () {
      const root = yield* folder
      const socket = `${root}/s`
      const error = yield* Effect.flip(receiveInto({ socket, file: `${root}/no/folder` }, send(socket, "state")))
      assert.match(String(error), /the state's stream over \S+\/s broke: .*ENOENT/u)
    })
  )

  it.effect("listens no longer than it is used", () =>
    Effect.gen(function* () {
      const root = yield* folder
      const socket = `${root}/s`
      yield* Effect.flip(receiveInto({ socket, file: `${root}/to` }, Effect.fail("refused")))
      assert.include(yield* Effect.flip(send(socket, "state")), "ENOENT")
    })
  )
})
