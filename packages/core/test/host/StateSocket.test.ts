import * as fs from "node:fs"
import * as net from "node:net"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, layer } from "@effect/vitest"
import { receiveInto, sendFrom } from "@nix-vm-test/core/host/StateSocket"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"

const folder = FileSystem.FileSystem.use((files) => files.makeTempDirectoryScoped({ prefix: "nvt-" }))

layer(NodeServices.layer, { excludeTestServices: true })("a state's stream", (it) => {
  it.effect("carries a file over a socket, every byte of it", () =>
    Effect.gen(function* () {
      const root = yield* folder
      const content = Buffer.from(Array.from({ length: 3_000_000 }, (_, index) => (index * 31) % 251))
      fs.writeFileSync(`${root}/from`, content)
      const socket = `${root}/s`
      yield* receiveInto({ socket, file: `${root}/to` }, sendFrom({ socket, file: `${root}/from` }))
      assert.isTrue(fs.readFileSync(`${root}/to`).equals(content))
    })
  )

  it.effect("fails when nobody listens", () =>
    Effect.gen(function* () {
      const root = yield* folder
      fs.writeFileSync(`${root}/from`, "state")
      const error = yield* Effect.flip(sendFrom({ socket: `${root}/none`, file: `${root}/from` }))
      assert.match(error.message, /^the state's stream over \S+\/none broke: .*ENOENT/u)
    })
  )

  it.effect("fails when the file is not there, and when it can't be written", () =>
    Effect.gen(function* () {
      const root = yield* folder
      const socket = `${root}/s`
      const server = net.createServer().listen(socket)
      yield* Effect.addFinalizer(() => Effect.sync(() => server.close()))
      assert.include((yield* Effect.flip(sendFrom({ socket, file: `${root}/none` }))).message, "ENOENT")
      const other = `${root}/t`
      const connect = Effect.sync(
        () =>
          void net
            .createConnection(other)
            .on("error", () => {})
            .end("state")
      )
      const error = yield* Effect.flip(receiveInto({ socket: other, file: `${root}/no/folder` }, connect))
      assert.include(error.message, "ENOENT")
    })
  )

  it.effect("listens no longer than it is used", () =>
    Effect.gen(function* () {
      const root = yield* folder
      const socket = `${root}/s`
      yield* Effect.flip(receiveInto({ socket, file: `${root}/to` }, Effect.fail("refused")))
      fs.writeFileSync(`${root}/from`, "state")
      assert.include((yield* Effect.flip(sendFrom({ socket, file: `${root}/from` }))).message, "ENOENT")
    })
  )
})
