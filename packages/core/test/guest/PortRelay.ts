/**
 * A port as QEMU has it, without QEMU: the host's end stays connected while the guest's end comes and goes, and what was written
 * meanwhile waits.
 */
import * as net from "node:net"
import * as Effect from "effect/Effect"

interface RelayOptions {
  readonly hostPath: string
  readonly guestPath: string
  /** The guest opened or closed its end, as QMP's `VSERPORT_CHANGE` tells. */
  readonly onChange: (open: boolean) => void
}

const listen = (path: string, onConnection: (socket: net.Socket) => void) =>
  Effect.acquireRelease(
    Effect.callback<net.Server>((resume) => {
      const server = net.createServer((socket) => {
        socket.on("error", () => {})
        onConnection(socket)
      })
      server.listen(path, () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
      })
  )

export const portRelay = Effect.fnUntraced(function* (options: RelayOptions) {
  let host: net.Socket | undefined
  let guest: net.Socket | undefined
  let waiting: Array<Buffer> = []
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      host?.destroy()
      guest?.destroy()
    })
  )
  yield* listen(options.hostPath, (socket) => {
    host = socket
    waiting = []
    socket.on("data", (chunk: Buffer) => {
      if (guest === undefined) {
        waiting.push(chunk)
      } else if (!guest.write(chunk)) {
        socket.pause()
      }
    })
  })
  const attach = (socket: net.Socket): void => {
    guest = socket
    socket.on("data", (chunk: Buffer) => {
      if (host !== undefined && !host.write(chunk)) {
        socket.pause()
        host.once("drain", () => socket.resume())
      }
    })
    socket.on("drain", () => host?.resume())
    socket.on("close", () => {
      guest = undefined
      host?.resume()
      options.onChange(false)
    })
    options.onChange(true)
    waiting.forEach((chunk) => socket.write(chunk))
    waiting = []
  }
  yield* listen(options.guestPath, (socket) => {
    // A port is open once only: the next agent has it when all of the former's bytes are through.
    if (guest === undefined) {
      attach(socket)
    } else {
      guest.once("close", () => attach(socket))
    }
  })
})
