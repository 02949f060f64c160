import { decodeSpec, decodeSpecJson } from "@nix-vm-test/core/spec/decodeSpec"
import { TestSpec, type TestSpecInput } from "@nix-vm-test/core/spec/TestSpec"
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as IpNetwork from "effect/net/IpNetwork"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

const decode = (spec: unknown) => decodeSpec({ spec, origin: "test.json" })

const problems = (spec: unknown): ReadonlyArray<string> =>
  Result.match(decode(spec), {
    onSuccess: () => [],
    onFailure: (error) =>
      error.reason._tag === "InvalidSpec"
        ? error.reason.problems.map(({ path, message }) => `${path}: ${message}`)
        : [error.message]
  })

const machine = (fields: Record<string, unknown>) => ({ machines: { vm: { image: "debian:12", ...fields } } })

describe("decodeSpec", () => {
  it("fills in every default", () => {
    const input: TestSpecInput = { machines: { vm: { image: "debian:12" } } }
    assert.deepStrictEqual(Result.getOrThrow(decode(input)), {
      name: "test",
      machines: {
        vm: {
          image: { _tag: "Named", name: "debian:12" },
          memory: 1024 ** 3,
          cpus: 1,
          disks: {},
          networks: [],
          shares: {},
          exchange: false,
          store: "none",
          extraPathsToRegister: [],
          storeDir: "/nix/store",
          files: {},
          packages: [],
          install: [],
          forwardPorts: [],
          internet: false,
          start: "auto",
          boot: { mode: "auto", kernelArgs: [] }
        }
      },
      networks: {},
      timeouts: {},
      accel: "auto",
      skipLint: false,
      skipTypeCheck: false
    })
  })

  it("reads everything that can be written", () => {
    const sha512 = "ab".repeat(64)
    const spec = Result.getOrThrow(
      decode({
        name: "client-server",
        machines: {
          server: {
            image: { file: "./my.qcow2", family: "fedora", version: "42" },
            memory: "2 GiB",
            cpus: 4,
            diskSize: "+2G",
            networks: ["lan", "2"],
            sharedDirs: { src: { source: "./src", target: "/mnt/src", readOnly: true } },
            files: { "/etc/motd": { text: "hello", mode: "0600" }, "/opt/tool": { source: "./tool" } },
            forwardPorts: [{ guest: 80 }, { guest: 22, host: 2222 }],
            internet: true,
            start: "cold",
            boot: { mode: "kernel", kernelArgs: ["quiet"] },
            selinux: "permissive"
          },
          client: { image: { url: "https://example.org/disk.qcow2", sha512 }, diskSize: 5_000_000_000 }
        },
        networks: { lan: { ipv4: "10.1.0.0/24", ipv6: "fd00:1::/64", mtu: 9000 }, "2": {} },
        script: { file: "./test.py" },
        timeouts: { test: "1h 30min", boot: 90, command: "2 minutes" },
        accel: "tcg"
      })
    )
    const { server, client } = spec.machines
    assert.deepStrictEqual(server?.image, { _tag: "File", path: "./my.qcow2", family: "fedora", version: "42" })
    assert.strictEqual(server?.memory, 2 * 1024 ** 3)
    assert.deepStrictEqual(server?.diskSize, { relative: true, bytes: 2 * 1024 ** 3 })
    assert.deepStrictEqual(server?.shares, { src: { source: "./src", target: "/mnt/src", readOnly: true } })
    assert.deepStrictEqual(server?.files, {
      "/etc/motd": { text: "hello", mode: 0o600 },
      "/opt/tool": { source: "./tool" }
    })
    assert.deepStrictEqual(client?.image, {
      _tag: "Url",
      url: "https://example.org/disk.qcow2",
      digest: { algorithm: "sha512", hex: sha512 }
    })
    assert.deepStrictEqual(client?.diskSize, { relative: false, bytes: 5_000_000_000 })
    assert.strictEqual(IpNetwork.format(spec.networks["lan"]?.ipv4 ?? assert.fail("no prefix")), "10.1.0.0/24")
    assert.deepStrictEqual(spec.timeouts, {
      test: Duration.minutes(90),
      boot: Duration.seconds(90),
      command: Duration.minutes(2)
    })
  })

  it("gives the same test again after it was encoded", () => {
    const first = Result.getOrThrow(
      decode({
        machines: {
          a: { image: "debian:12", diskSize: "+1.5G", files: { "/x": { text: "", mode: "755" } }, networks: ["n"] },
          b: { image: { url: "http://x/y", sha256: "0".repeat(64) } }
        },
        networks: { n: { ipv6: "fd00::/48" } },
        timeouts: { shutdown: "1500ms" }
      })
    )
    const again = Result.getOrThrow(decode(JSON.parse(JSON.stringify(Schema.encodeSync(TestSpec)(first)))))
    assert.deepStrictEqual(again, first)
  })

  it("tells everything that is wrong at once, with path, value and expectation", () => {
    assert.deepStrictEqual(
      problems({
        acel: "kvm",
        machines: {
          A_1: { image: "debian:12" },
          b: { image: { file: 3, famly: "x" }, mem: 3, diskSize: "+2GiBB", cpus: 0 },
          c: { image: { url: "http://x/" }, files: { "/etc/x": { text: "a", mode: "99" }, etc: { text: "" } } },
          d: { image: {}, memory: 1.5 },
          e: {}
        },
        networks: { lan: { mtu: 3, ipv4: "1.2.3.4/24" } },
        accel: "q",
        timeouts: { boot: "0s", test: "soon" }
      }),
      [
        `acel: unknown; did you mean "accel"?`,
        `machines: expected a host name (letters, digits and inner hyphens, at most 63), got "A_1"`,
        `machines.b.mem: unknown; did you mean "memory"?`,
        `machines.b.image.famly: unknown; did you mean "family"?`,
        `machines.b.image.file: expected text, got 3`,
        `machines.b.cpus: expected 1 to 64 processors, got 0`,
        `machines.b.diskSize: expected a size such as "10G", or "+2G" for so much more than the image has, got "+2GiBB"`,
        `machines.c.image: expected "debian:12", { "file": … } or { "url": …, "sha256" or "sha512": … }, got {"url":"http://x/"}`,
        `machines.c.files: expected an absolute path in the guest, got "etc"`,
        `machines.c.files["/etc/x"].mode: expected permissions in octal such as "0644", got "99"`,
        `machines.d.image: expected "debian:12", { "file": … } or { "url": …, "sha256" or "sha512": … }, got {}`,
        `machines.d.memory: expected a size such as "1GiB", "512MiB" or a number of bytes, got 1.5`,
        `machines.e.image: missing`,
        `networks.lan.ipv4: expected an IPv4 network such as "10.1.0.0/24", without host bits, got "1.2.3.4/24"`,
        `networks.lan.mtu: expected 576 to 9000 bytes, got 3`,
        `timeouts.test: expected a duration such as "15min", "1h", "90s" or a number of seconds, got "soon"`,
        `timeouts.boot: expected a duration such as "15min", "1h", "90s" or a number of seconds, got "0s"`,
        `accel: expected "auto" or "kvm" or "tcg", got "q"`
      ]
    )
  })

  it.each([
    [{}, ["machines: missing"]],
    [3, [": expected an object, got 3"]],
    [{ machines: {} }, ["machines: expected at least one machine, got {}"]],
    [
      machine({ image: "Debian 12" }),
      [
        `machines.vm.image: expected "debian:12", { "file": … } or { "url": …, "sha256" or "sha512": … }, got "Debian 12"`
      ]
    ],
    [
      machine({ forwardPorts: [{ guest: 0 }] }),
      ["machines.vm.forwardPorts[0].guest: expected a port from 1 to 65535, got 0"]
    ],
    [
      machine({ networks: ["lan"] }),
      [`machines.vm.networks[0]: no network "lan" under "networks": add "networks": { "lan": {} }`]
    ],
    [
      { ...machine({ networks: ["lann"] }), networks: { lan: {} } },
      [`machines.vm.networks[0]: no network "lann" under "networks": did you mean "lan"?`]
    ],
    [
      machine({ shares: { a: { source: "a", target: "/a" } }, sharedDirs: { b: { source: "b", target: "/b" } } }),
      ["machines.vm.sharedDirs: another spelling of shares: give only one of them"]
    ],
    [
      { ...machine({}), script: { file: "test.rb" } },
      [`script.file: expected a file that ends in .ts, .mts, .js, .mjs or .py, got "test.rb"`]
    ],
    [machine({ zzz: 1 }), [/^machines\.vm\.zzz: unknown; known are image, memory, /u]]
  ])("refuses %j", (spec, expected) => {
    const found = problems(spec)
    assert.strictEqual(found.length, expected.length, found.join("\n"))
    expected.forEach((line, index) => {
      if (typeof line === "string") assert.strictEqual(found[index], line)
      else assert.match(found[index] ?? "", line)
    })
  })

  it("names its origin and counts the problems", () => {
    const message = Result.match(decode({ ...machine({ cpus: 0 }), acel: 1 }), {
      onSuccess: () => "",
      onFailure: (error) => error.message
    })
    assert.match(message, /^test\.json: 2 problems\n  /u)
  })
})

describe("decodeSpecJson", () => {
  it("says where JSON breaks", () => {
    const result = decodeSpecJson({ text: `{ "machines": `, origin: "broken.json" })
    assert.match(Result.isFailure(result) ? result.failure.message : "", /^broken\.json is not JSON: /u)
  })
})
