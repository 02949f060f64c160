/**
 * Every argument of a machine, with what a test asks for on a family's guest and how it sees that the guest has it. The type is the point: an argument
 * without a row does not compile.
 */
import * as fs from "node:fs"
import * as http from "node:http"
import * as path from "node:path"
import { assert } from "@effect/vitest"
import type { Event } from "@nix-vm-test/core/events/Event"
import type { RunMachine } from "@nix-vm-test/core/run/RunMachine"
import type { ImageFacts } from "@nix-vm-test/core/spec/Image"
import type { MachineSpecInput } from "@nix-vm-test/core/spec/MachineSpec"
import * as Effect from "effect/Effect"
import type { PackageScene } from "../../support/packageScene.ts"
import type { ShareScene } from "../../support/shareScene.ts"

export const starts = ["cold", "clone"] as const
export type Start = (typeof starts)[number]

/** A machine that is to be asked for. */
export interface Wanted {
  readonly start: Start
  readonly image: string
  readonly memory: string
  readonly facts: ImageFacts
  readonly shares: ShareScene
  readonly packages: PackageScene
  /** A folder of the machine's own. */
  readonly writable: string
}

/** It, running. */
export interface Given extends Wanted {
  readonly runMachine: RunMachine
  /** Another machine of its network. */
  readonly peer: RunMachine
  readonly events: ReadonlyArray<Event>
}

type Argument = keyof MachineSpecInput

interface Row<Name extends Argument> {
  /** Nothing where the other machine of the family asks for it, or where it can't be had. */
  readonly asks: (wanted: Wanted) => Pick<MachineSpecInput, Name> | undefined
  readonly check: (given: Given) => Effect.Effect<void, unknown>
}

const MiB = 1024 ** 2
const GiB = 1024 ** 3
const port = 8000
const word = "nvt.word=here"

const succeed = ({ runMachine }: Given, command: string) => runMachine.machine.succeed(command)

/** Whether both sides see at once what the other one writes. */
const isLive = (way: string): boolean => way === "9p" || way === "virtiofs"

/** Ways that this family's guest has, and this start allows. */
const waysOf = ({ facts, start }: Wanted) => {
  const live = facts.ninep ? ("9p" as const) : start === "cold" && facts.virtiofs ? ("virtiofs" as const) : undefined
  return { writable: live ?? ("copy" as const), readOnly: live ?? ("image" as const) }
}

const sharesOf = (wanted: Wanted): NonNullable<MachineSpecInput["shares"]> => {
  const ways = waysOf(wanted)
  return {
    writable: { source: wanted.writable, target: "/srv/writable", via: ways.writable },
    tree: { source: wanted.shares.tree, target: "/srv/a tree", readOnly: true, via: ways.readOnly }
  }
}

const checkShares = Effect.fnUntraced(function* (given: Given) {
  yield* succeed(given, "echo of the guest >/srv/writable/from-guest")
  yield* given.runMachine.bringBack
  assert.strictEqual(fs.readFileSync(path.join(given.writable, "from-guest"), "utf8"), "of the guest\n")
  assert.strictEqual(yield* succeed(given, "cat '/srv/a tree/below/further/file'"), "deep\n")
  yield* given.runMachine.machine.fail("touch '/srv/a tree/new'")
  const ways = given.runMachine.plan.shares.map(({ target, by }) => [target, by._tag])
  assert.includeDeepMembers(ways, [
    ["/srv/writable", waysOf(given).writable],
    ["/srv/a tree", waysOf(given).readOnly]
  ])
})

const checkExchange = Effect.fnUntraced(function* (given: Given) {
  const { exchange } = given.runMachine.machine
  assert.isDefined(exchange)
  yield* succeed(given, "echo own >/tmp/xchg/file; echo shared >/tmp/shared/file")
  assert.strictEqual(fs.readFileSync(path.join(exchange.own, "file"), "utf8"), "own\n")
  assert.strictEqual(fs.readFileSync(path.join(exchange.shared, "file"), "utf8"), "shared\n")
})

const checkStore = (given: Given) =>
  Effect.gen(function* () {
    const program = given.shares.closure.find((each) => each.endsWith("-program"))
    assert.strictEqual(yield* succeed(given, `${program}/bin/hello`), "hello from the store\n")
    assert.strictEqual(yield* succeed(given, `test -e ${given.shares.outsider} || echo none`), "none\n")
  })

/** A web server in what every Debian has. */
const server = `exec perl -MIO::Socket::INET -e '
  $listening = IO::Socket::INET->new(LocalPort => ${port}, Listen => 5, ReuseAddr => 1) or die;
  while ($asking = $listening->accept) {
    while (<$asking>) { last if /^\\s*$/ }
    print $asking "HTTP/1.0 200 OK\\r\\n\\r\\nanswer\\n";
    close $asking;
  }'`

const serving = <A, E, R>({ runMachine: { machine } }: Given, ask: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    yield* machine.spawn(server)
    yield* machine.waitForOpenPort(port)
    return yield* ask
  }).pipe(Effect.scoped)

const checkNetworks = Effect.fnUntraced(function* (given: Given) {
  const { plan, machine } = given.runMachine
  const address = plan.nics[0]?.ipv4.address
  assert.include(yield* machine.succeed("ip -4 -oneline address show"), ` ${address}/`)
  const request = `exec 3<>/dev/tcp/${plan.name}/${port}; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3`
  assert.include(yield* serving(given, given.peer.machine.succeed(request)), "answer")
})

const checkForwards = Effect.fnUntraced(function* (given: Given) {
  const told = given.events.flatMap((event) =>
    event._tag === "Notice" && event.machine === given.runMachine.plan.name ? [event.text] : []
  )
  const forwarded = /port 8000 of the guest is (127\.0\.0\.1:\d+)/u.exec(told.join("\n"))?.[1]
  const ask = Effect.promise(async () => (await fetch(`http://${forwarded}/`)).text())
  assert.strictEqual(yield* serving(given, ask), "answer\n")
})

/** A server on the host's loopback, which a guest without internet must not reach. */
const hostServer = Effect.acquireRelease(
  Effect.callback<http.Server>((resume) => {
    const listening = http.createServer((_request, response) => response.end("reached"))
    listening.listen(0, "127.0.0.1", () => resume(Effect.succeed(listening)))
  }),
  (listening) => Effect.sync(() => listening.close())
)

const checkNoInternet = (given: Given) =>
  Effect.gen(function* () {
    const address = (yield* hostServer).address()
    const hostPort = typeof address === "object" ? address?.port : undefined
    assert.isDefined(hostPort)
    yield* given.runMachine.machine.fail(`timeout 3 bash -c 'exec 3<>/dev/tcp/10.0.2.2/${hostPort}'`)
  }).pipe(Effect.scoped)

const checkDiskSize = Effect.fnUntraced(function* (given: Given) {
  const { bytes } = given.runMachine.plan.disk
  assert.strictEqual(Number(yield* succeed(given, "blockdev --getsize64 /dev/vda")), bytes)
  const root = Number(yield* succeed(given, "df --block-size=1 --output=size / | tail -n 1"))
  // What boots a Fedora or a Rocky takes a gigabyte and more.
  assert.isAbove(root, bytes * 0.93 - 1.5 * GiB)
})

const checkSelinux = (given: Given) =>
  Effect.gen(function* () {
    const enforcing = (yield* succeed(given, "cat /sys/fs/selinux/enforce 2>/dev/null || echo none")).trim()
    const { selinux } = given.runMachine.plan
    assert.strictEqual(enforcing, given.facts.selinux === "none" ? "none" : selinux === "permissive" ? "0" : "1")
  })

const machineTable: { readonly [Name in Argument]-?: Row<Name> } = {
  image: {
    asks: ({ image }) => ({ image }),
    check: Effect.fnUntraced(function* (given) {
      assert.strictEqual((yield* succeed(given, "hostname")).trim(), given.runMachine.plan.name)
      const type = (yield* succeed(given, "findmnt --noheadings --output FSTYPE /")).trim()
      assert.strictEqual(type, given.facts.rootFilesystem)
    })
  },
  memory: {
    asks: ({ memory }) => ({ memory }),
    check: Effect.fnUntraced(function* (given) {
      const kibibytes = Number(yield* succeed(given, "awk '/^MemTotal:/ { print $2 }' /proc/meminfo"))
      const { memoryBytes } = given.runMachine.plan
      assert.isTrue(kibibytes * 1024 > memoryBytes * 0.8 && kibibytes * 1024 <= memoryBytes, String(kibibytes))
    })
  },
  cpus: {
    asks: ({ start }) => ({ cpus: start === "cold" ? 2 : 1 }),
    check: (given) =>
      Effect.map(succeed(given, "nproc"), (count) => assert.strictEqual(Number(count), given.start === "cold" ? 2 : 1))
  },
  diskSize: {
    asks: ({ start }) => ({ diskSize: start === "cold" ? "+5GiB" : "9GiB" }),
    check: checkDiskSize
  },
  disks: {
    asks: () => ({ disks: { data: { size: "64MiB" } } }),
    check: (given) =>
      Effect.map(succeed(given, "blockdev --getsize64 /dev/disk/by-id/virtio-data"), (size) =>
        assert.strictEqual(Number(size), 64 * MiB)
      )
  },
  networks: { asks: () => ({ networks: ["lan"] }), check: checkNetworks },
  shares: {
    asks: (wanted) => (wanted.start === "clone" ? { shares: sharesOf(wanted) } : undefined),
    check: checkShares
  },
  sharedDirs: {
    asks: (wanted) => (wanted.start === "cold" ? { sharedDirs: sharesOf(wanted) } : undefined),
    check: checkShares
  },
  exchange: {
    asks: (wanted) => (isLive(waysOf(wanted).writable) ? { exchange: true } : undefined),
    check: checkExchange
  },
  store: { asks: () => ({ store: "closure" }), check: checkStore },
  extraPathsToRegister: {
    asks: ({ shares }) => ({ extraPathsToRegister: [shares.closureInfo] }),
    check: (given) =>
      Effect.map(succeed(given, `cat ${path.dirname(given.shares.store)}/nix-path-registration`), (text) =>
        assert.strictEqual(text, given.shares.registration)
      )
  },
  storeDir: { asks: ({ shares }) => ({ storeDir: shares.store }), check: checkStore },
  files: {
    asks: ({ shares }) => ({
      files: { "/etc/made/by.spec": { text: "grüße\n", mode: "0600" }, "/opt/tree": { source: shares.tree } }
    }),
    check: Effect.fnUntraced(function* (given) {
      const text = yield* succeed(given, "cat /etc/made/by.spec; stat --format='%a %U' /etc/made/by.spec")
      assert.strictEqual(text, "grüße\n600 root\n")
      assert.strictEqual(yield* succeed(given, "cat /opt/tree/below/further/file"), "deep\n")
    })
  },
  packages: {
    asks: ({ packages }) => ({ packages: [packages.published, packages.page] }),
    check: (given) =>
      Effect.map(succeed(given, "LC_ALL=C apt-cache policy libjs-jquery-ui"), (text) =>
        assert.include(text, "/var/lib/nix-vm-test/packages ./ Packages")
      )
  },
  install: {
    asks: () => ({ install: ["nvt-page"] }),
    check: (given) =>
      Effect.map(
        succeed(
          given,
          "cat /usr/share/nvt-page/file; dpkg-query --show --showformat='${db:Status-Abbrev}' libjs-jquery"
        ),
        (text) => assert.strictEqual(text, "of nvt-page\nii ")
      )
  },
  forwardPorts: { asks: () => ({ forwardPorts: [{ guest: port }] }), check: checkForwards },
  internet: { asks: () => ({ internet: false }), check: checkNoInternet },
  start: {
    asks: ({ start }) => ({ start }),
    check: (given) =>
      Effect.sync(() => {
        const found = given.events.flatMap((event) =>
          event._tag === "MachineStarting" && event.machine === given.runMachine.plan.name ? [event.start] : []
        )
        assert.deepStrictEqual(found, [given.start])
      })
  },
  boot: {
    // A clone has the words of its template.
    asks: ({ start }) => (start === "cold" ? { boot: { kernelArgs: [word] } } : undefined),
    check: (given) =>
      Effect.map(succeed(given, "cat /proc/cmdline"), (line) => assert.include(line.trim().split(" "), word))
  },
  selinux: {
    asks: ({ start, facts }) => ({
      selinux: start === "clone" && facts.selinux === "enforcing" ? "enforcing" : "permissive"
    }),
    check: checkSelinux
  }
}

/** A machine with all that the table asks for. */
export const askFor = (wanted: Wanted): MachineSpecInput =>
  Object.values(machineTable).reduce<MachineSpecInput>((spec, { asks }) => ({ ...spec, ...asks(wanted) }), {
    image: wanted.image
  })

export interface Check {
  readonly argument: string
  readonly check: (given: Given) => Effect.Effect<void, unknown>
}

/** How to see that it has it. */
export const checksOf = (wanted: Wanted): ReadonlyArray<Check> =>
  Object.entries(machineTable).flatMap(([argument, { asks, check }]) =>
    asks(wanted) === undefined ? [] : [{ argument, check }]
  )
