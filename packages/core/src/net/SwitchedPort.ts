/** Connects a port of a switch to QEMU's socket for a NIC, for as long as the port lives. */
import * as net from "node:net"
import type { EthernetSwitch, SwitchPort } from "./EthernetSwitch.ts"
import { frameStream } from "./FrameStream.ts"

/** Between two tries while QEMU does not listen: a try costs some 20 µs, and a guest that boots needs no network sooner. */
const retryMs = 50

export interface SwitchedPortOptions {
  readonly ethernet: EthernetSwitch
  readonly port: SwitchPort
  /** Path of the Unix socket on which QEMU listens; it listens again after each connection. */
  readonly socket: string
  readonly onOutOfStep: (detail: string) => void
}

/** Starts connecting; gives the function that ends it. */
export const switchPortToSocket = ({
  ethernet,
  port,
  socket: path,
  onOutOfStep
}: SwitchedPortOptions): (() => void) => {
  let closed = false
  let current: net.Socket | undefined
  let timer: NodeJS.Timeout | undefined

  const connect = (): void => {
    const socket = net.connect({ path })
    current = socket
    /** Sockets that were written to within one chunk leave with one system call. */
    socket.on("connect", () =>
      ethernet.connect(port, {
        write: (frames) => {
          if (socket.writableCorked === 0) {
            socket.cork()
            process.nextTick(() => socket.uncork())
          }
          socket.write(frames)
        },
        queued: () => socket.writableLength
      })
    )
    socket.on(
      "data",
      frameStream({
        onFrames: (frames) => ethernet.receive(port, frames),
        onError: (detail) => {
          onOutOfStep(detail)
          socket.destroy()
        }
      })
    )
    // Told by `close` as well.
    socket.on("error", () => {})
    socket.on("close", () => {
      ethernet.disconnect(port)
      if (!closed) timer = setTimeout(connect, retryMs)
    })
  }

  connect()
  return () => {
    closed = true
    clearTimeout(timer)
    current?.destroy()
  }
}
