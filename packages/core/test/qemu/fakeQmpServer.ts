/** A scripted monitor on a real Unix socket. */
import * as net from "node:net"
import { createInterface } from "node:readline"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Schema from "effect/Schema"

const Command = Schema.fromJsonString(
  Schema.Struct({ execute: Schema.String, id: Schema.Int, arguments: Schema.optionalKey(Schema.Unknown) })
)
type Command = typeof Command.Type

export const greeting = JSON.stringify({
  QMP: { version: { qemu: { micro: 3, minor: 2, major: 9 }, package: "fake" }, capabilities: ["oob"] }
})

export interface Connection {
  /** Writes bytes as they are. */
  readonly write: (text: string) => void
  readonly close: () => void
}

export interface FakeQmpOptions {
  /** Default: the greeting of a QEMU 9.2.3. */
  readonly onConnect?: (connection: Connection) => void
  /** Called for every command but `qmp_capabilities`, which is answered. */
  readonly onCommand?: (command: Command, connection: Connection) => void
}

/** Serves until the Scope closes; returns the socket's path. */
export const fakeQmpServer = Effect.fn(function* (options: FakeQmpOptions) {
  const fs = yield* FileSystem.FileSystem
  const path = `${yield* fs.makeTempDirectoryScoped()}/qmp`
  const sockets = new Set<net.Socket>()
  const server = net.createServer((socket) => {
    sockets.add(socket)
    socket.on("error", () => {})
    const connection: Connection = { write: (text) => void socket.write(text), close: () => socket.destroy() }
    if (options.onConnect === undefined) connection.write(`${greeting}\r\n`)
    else options.onConnect(connection)
    createInterface({ input: socket }).on("line", (line) => {
      const command = Schema.decodeSync(Command)(line)
      if (command.execute === "qmp_capabilities")
        connection.write(`${JSON.stringify({ return: {}, id: command.id })}\r\n`)
      else options.onCommand?.(command, connection)
    })
  })
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => void server.listen(path, () => resume(Effect.void))),
    () =>
      Effect.callback<void>((resume) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resume(Effect.void))
      })
  )
  return path
}, Effect.provide(NodeFileSystem.layer))
