import { spawn, execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as net from "node:net"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as AgentChannel from "@nix-vm-test/core/guest/AgentChannel"
import * as Console from "@nix-vm-test/core/guest/Console"
import { consoleSign } from "@nix-vm-test/core/guest/consoleSigns"
import { UnixSockets } from "@nix-vm-test/core/host/UnixSocket"
import { agentDisk } from "@nix-vm-test/agent/AgentDisk"
const dir = fs.mkdtempSync("/tmp/nvt-lab-")
const bytes = fs.readFileSync("/tmp/agent-guest-test")
import { createHash } from "node:crypto"
fs.writeFileSync(dir + "/agent.img", agentDisk({ bytes, sha256: createHash("sha256").update(bytes).digest("hex") }))
const base = process.env.HOME + "/.cache/nix-vm-test/images/sha256-8ffa13125ccbc6fa9316775b650b68c1b5cdfce81930efd942054533456c6a75"
execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", base + ".qcow2", dir + "/d.qcow2"])
const qemu = spawn("qemu-system-x86_64", ["-machine", "pc", "-accel", "tcg", "-cpu", "max", "-m", "512", "-display", "none", "-nodefaults", "-no-user-config",
  "-kernel", base + ".kernel", "-initrd", base + ".initrd", "-append", "root=UUID=898a600f-d9f4-440d-8bce-e7b8513c8255 ro console=ttyS0,115200",
  "-drive", `file=${dir}/d.qcow2,if=virtio,format=qcow2`, "-drive", `file=${dir}/agent.img,if=none,id=a,format=raw,readonly=on`, "-device", "virtio-blk-pci,drive=a,serial=nvtagent",
  "-device", "virtio-serial-pci", "-chardev", `socket,id=ag,path=${dir}/ag,server=on,wait=off`, "-device", "virtserialport,chardev=ag,name=nix-vm-test.agent",
  "-chardev", `socket,id=co,path=${dir}/co,server=on,wait=off`, "-serial", "chardev:co", "-qmp", `unix:${dir}/q,server=on,wait=off`, "-device", "virtio-rng-pci"], { stdio: "inherit" })
const t0 = performance.now()
const log = (...x: unknown[]) => console.log(((performance.now() - t0) / 1000).toFixed(2), ...x)
const program = Effect.scoped(Effect.gen(function* () {
  const con = yield* Console.make({ path: dir + "/co", onLine: (l) => { const s = consoleSign(l.text); if (s) log("SIGN", s.kind, s.line) } })
  const channel = yield* AgentChannel.make({ path: dir + "/ag", speedFactor: 10, onSession: (s) => log("session", s), onLog: (l) => log("agent", l) })
  const q = net.createConnection(dir + "/q")
  q.write('{"execute":"qmp_capabilities"}\n')
  q.on("data", (d) => { for (const line of String(d).trim().split("\n")) { const m = JSON.parse(line); if (m.event === "VSERPORT_CHANGE") { log("port", m.data.open); m.data.open ? channel.portOpened() : channel.portClosed() } else if (m.event) log(m.event) } })
  const match = yield* con.waitForText(/Run \/init as init process|Linux version (\S+)/)
  log("console", match[0])
  const first = yield* channel.exec({ command: "uname -r; id" })
  log(new TextDecoder().decode(first.stdout))
  for (const cmd of ["true", "echo hi"]) { const a: number[] = []; for (let i = 0; i < 60; i++) { const t = performance.now(); yield* channel.exec({ command: cmd }); a.push(performance.now() - t) } a.sort((x, y) => x - y); log(cmd, "median", a[30], "min", a[0], "p95", a[57]) }
  { const a: number[] = []; for (let i = 0; i < 200; i++) a.push(yield* channel.ping()); a.sort((x, y) => x - y); log("ping median", a[100], "min", a[0]) }
  const content = Buffer.alloc(32 << 20); for (let i = 0; i < content.length; i += 4) content.writeUInt32LE(Math.imul(i, 2654435761) >>> 0, i)
  let t = performance.now(); yield* channel.writeFile({ path: "/tmp/x", content }); log("put 32MiB", (performance.now() - t) / 1000)
  t = performance.now()
  const back = yield* Effect.scoped(Effect.gen(function* () { const f = yield* channel.readFile("/tmp/x"); return Buffer.concat(yield* Stream.runCollect(f.content)) }))
  log("get 32MiB", (performance.now() - t) / 1000, back.equals(content))
  const hang = yield* Effect.forkChild(Effect.flip(channel.exec({ command: "sleep 1000" })), { startImmediately: true })
  yield* channel.exec({ command: "pkill -9 -f nix-vm-test.agent; true", strict: false }).pipe(Effect.exit)
  log("kill agent ->", (yield* Fiber.join(hang)).reason)
  log("after", (yield* channel.exec({ command: "echo back" })).durationMs)
  const bulk = yield* Effect.forkChild(Effect.flip(channel.exec({ command: "cat /dev/zero", maxOutputBytes: 1e12, onOutput: () => {} })), { startImmediately: true })
  yield* Effect.sleep(1000)
  yield* channel.exec({ command: "systemctl reboot --force --force" }).pipe(Effect.exit, Effect.tap((e) => Effect.sync(() => log("reboot call", e._tag))))
  log("bulk ->", (yield* Fiber.join(bulk)).reason)
  log("after reboot", new TextDecoder().decode((yield* channel.exec({ command: "uptime" })).stdout))
  log(con.tail(3))
  const reading = yield* Effect.forkChild(Stream.runCollect(channel.sessions), { startImmediately: true })
  const last = yield* Effect.forkChild(Effect.flip(channel.exec({ command: "sleep 1000" })), { startImmediately: true })
  yield* Effect.sleep(300)
  q.write('{"execute":"quit"}\n')
  log("quit ->", (yield* Fiber.join(last)).reason, yield* Fiber.join(reading))
}))
try { await Effect.runPromise(program.pipe(Effect.provide(UnixSockets.layer), Effect.timeout("8 minutes"))) } finally { qemu.kill("SIGKILL"); fs.rmSync(dir, { recursive: true }) }
