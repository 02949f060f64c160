/**
 * In QEMU's place: serves QMP, and stops with an internal error at `cont`, as QEMU does when KVM gives up on a guest.
 */
import { rmSync } from "node:fs"
import * as net from "node:net"
import { createInterface } from "node:readline"

const path = /^unix:(.*),server=on,wait=off$/u.exec(process.argv.at(-1) ?? "")?.[1]?.replaceAll(",,", ",") ?? ""
const timestamp = { seconds: 1, microseconds: 0 }
let running = false

net
  .createServer((socket) => {
    const send = (message: unknown) => socket.write(`${JSON.stringify(message)}\r\n`)
    send({ QMP: { version: { qemu: { major: 7, minor: 2, micro: 0 }, package: "" }, capabilities: [] } })
    createInterface({ input: socket }).on("line", (line) => {
      const { execute, id } = JSON.parse(line)
      if (execute === "cont") running = true
      send({
        return: execute === "query-status" ? { running: false, status: running ? "internal-error" : "paused" } : {},
        id
      })
      if (execute === "stop") send({ event: "STOP", timestamp })
      if (execute === "cont") {
        process.stderr.write("qemu-system-x86_64: warning: odd\nKVM internal error. Suberror: 1\nextra data[0]: 0x1\n")
        send({ event: "STOP", timestamp })
      }
      if (execute === "quit") {
        rmSync(path)
        process.exit(0)
      }
    })
  })
  .listen(path)
