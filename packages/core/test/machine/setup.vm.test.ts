/** What a spec asks for is there before the script is: on a Debian 13, once. */
import * as fs from "node:fs"
import * as fsp from "node:fs/promises"
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import { afterAll, assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Guests } from "../support/Guests.ts"
import { eventsDuring, theMachine } from "../support/guestSuite.ts"

const GiB = 1024 ** 3
const MiB = 1024 ** 2

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "nvt-setup-"))
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))
fs.mkdirSync(path.join(folder, "writable"))
fs.mkdirSync(path.join(folder, "readable"))
fs.writeFileSync(path.join(folder, "readable/from-host"), "read me\n")
fs.mkdirSync(path.join(folder, "tree/below"), { recursive: true })
fs.writeFileSync(path.join(folder, "tree/below/program"), "#!/bin/sh\necho ran\n", { mode: 0o755 })

const guests = Guests.layer({
  machines: {
    vm: {
      image: "debian:13",
      memory: "512MiB",
      diskSize: "+1G",
      disks: { data: { size: "64MiB" }, "more-data": { size: "2GiB" } },
      shares: {
        writable: { source: path.join(folder, "writable"), target: "/mnt/a share" },
        readable: { source: path.join(folder, "readable"), target: "/mnt/readable", readOnly: true }
      },
      files: {
        "/etc/made/by.spec": { text: "grüße\n", mode: "0600" },
        "/opt/tree": { source: path.join(folder, "tree") }
      },
      forwardPorts: [{ guest: 8000 }],
      boot: { kernelArgs: ["nvt.word=here"] },
      start: "cold"
    }
  }
})

/** What a server in the guest answers on a port of the host. */
const fetched = (port: number) => Effect.promise(async () => (await fetch(`http://127.0.0.1:${port}/hostname`)).text())

const serve = (port: number) =>
  Effect.gen(function* () {
    const vm = yield* theMachine
    yield* vm.spawn(`exec python3 -m http.server ${port} --directory /etc`)
    yield* vm.waitForOpenPort(port)
  })

layer(guests, { excludeTestServices: true, timeout: "10 minutes" })("the set-up of a machine", (it) => {
  it.effect("reports the stages of the start in their order", () =>
    Effect.gen(function* () {
      const { events } = yield* Guests
      const phases = events().flatMap((event) => (event._tag === "MachinePhaseReached" ? [event.phase] : []))
      assert.deepStrictEqual(phases, ["kernel", "userspace", "connected", "settled", "disk", "shares", "ready"])
    })
  )

  it.effect("has the console from its first line on", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      assert.match(yield* vm.getConsoleLog(), /^\[ +0\.0+\] Linux version/m)
    })
  )

  it.effect("grows the root file system to the size that was asked for", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      const { bytes, image } = (yield* Guests).runMachine("vm").plan.disk
      assert.strictEqual(bytes, image.virtualSize + GiB)
      const disk = Number(yield* vm.succeed("lsblk --bytes --nodeps --noheadings --output SIZE /dev/vda"))
      assert.strictEqual(disk, bytes)
      const root = Number(yield* vm.succeed("df --block-size=1 --output=size / | tail -n 1"))
      assert.isAbove(root, bytes * 0.9)
    })
  )

  it.effect("has the extra disks under their names", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      const sizeOf = (name: string) => vm.succeed(["blockdev", "--getsize64", `/dev/disk/by-id/virtio-${name}`])
      assert.strictEqual(Number(yield* sizeOf("data")), 64 * MiB)
      assert.strictEqual(Number(yield* sizeOf("more-data")), 2 * GiB)
    })
  )

  it.effect("shares folders, for writing and for reading only", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      yield* vm.succeed("echo from the guest > '/mnt/a share/from-guest'")
      const seen = yield* Effect.promise(() => fsp.readFile(path.join(folder, "writable/from-guest"), "utf8"))
      assert.strictEqual(seen, "from the guest\n")
      yield* Effect.promise(() => fsp.writeFile(path.join(folder, "writable/later"), "from the host\n"))
      assert.strictEqual(yield* vm.succeed("cat '/mnt/a share/later'"), "from the host\n")
      assert.strictEqual(yield* vm.succeed("cat /mnt/readable/from-host"), "read me\n")
      yield* vm.fail("touch /mnt/readable/new")
      assert.deepStrictEqual(yield* Effect.promise(() => fsp.readdir(path.join(folder, "readable"))), ["from-host"])
    })
  )

  it.effect("puts files and trees into the guest", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      assert.strictEqual(
        yield* vm.succeed("cat /etc/made/by.spec; stat --format='%a %U' /etc/made/by.spec"),
        "grüße\n600 root\n"
      )
      assert.strictEqual(yield* vm.succeed(["/opt/tree/below/program"]), "ran\n")
    })
  )

  it.effect("appends to the kernel's command line", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      assert.match(yield* vm.succeed("cat /proc/cmdline"), / nvt\.word=here(?: |\n)/)
    })
  )

  it.effect("reaches the guest's ports on the host's loopback: those of the spec, and later ones", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      const hostname = yield* vm.succeed("cat /etc/hostname")
      const notices = (yield* Guests).events().flatMap((event) => (event._tag === "Notice" ? [event.text] : []))
      const port = Number(/port 8000 of the guest is 127\.0\.0\.1:(\d+)/.exec(notices.join("\n"))?.[1])
      yield* serve(8000)
      assert.strictEqual(yield* fetched(port), hostname)
      yield* serve(8001)
      const later = yield* vm.forwardPort(8001)
      assert.strictEqual(later.host, "127.0.0.1")
      assert.strictEqual(yield* fetched(later.port), hostname)
      const taken = yield* Effect.flip(vm.forwardPort(8001, { hostPort: later.port }))
      assert.strictEqual(taken.reason._tag, "MonitorRefused", taken.message)
      assert.include(taken.message, String(later.port))
    })
  )

  it.effect("keeps the guest away from the host's loopback and the internet", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      let asked = 0
      const server = yield* Effect.acquireRelease(
        Effect.callback<http.Server>((resume) => {
          const listening = http.createServer((_request, response) => {
            asked++
            response.end("reached")
          })
          listening.listen(0, "127.0.0.1", () => resume(Effect.succeed(listening)))
        }),
        (listening) => Effect.sync(() => listening.close())
      )
      const address: AddressInfo | string | null = server.address()
      assert.isTrue(typeof address === "object" && address !== null)
      const port = typeof address === "object" ? address?.port : undefined
      yield* vm.fail(`curl --silent --max-time 3 http://10.0.2.2:${port}/`)
      assert.strictEqual(asked, 0)
    })
  )

  it.effect("tells where the boot's time went once it has finished", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      yield* vm.exec("systemctl is-system-running --wait")
      const profiles = yield* eventsDuring("BootProfiled", (yield* Guests).runMachine("vm").profile)
      assert.lengthOf(profiles, 1)
      const profile = profiles[0]?.profile
      assert.isAbove(profile?.kernel ?? 0, 0)
      assert.isAbove(profile?.userspace ?? 0, 0)
      assert.isAbove(profile?.agent ?? 0, 0)
      assert.lengthOf(profile?.slowestUnits ?? [], 5)
      assert.match(profile?.slowestUnits[0]?.unit ?? "", /\.\w+$/)
    })
  )

  it.effect("ends as a power cut would end it", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      const stopped = yield* eventsDuring("MachineStopped", vm.crash())
      assert.deepInclude(stopped[0], { how: "crashed (quit)" })
      assert.isFalse(yield* vm.isUp())
      assert.strictEqual((yield* Effect.flip(vm.succeed("true"))).reason._tag, "NotRunning")
    })
  )
})
