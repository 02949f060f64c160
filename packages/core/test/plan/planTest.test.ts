import { planTest } from "@nix-vm-test/core/plan/planTest"
import { decodeSpec } from "@nix-vm-test/core/spec/decodeSpec"
import { assert, describe, expect, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Result from "effect/Result"
import { gibibyte, host, plan, planOne, storedImage, withKernel } from "./examples.ts"

const twoMachines = {
  name: "client-server",
  machines: {
    server: {
      image: "debian:12",
      memory: "1536MiB",
      cpus: 2,
      diskSize: "+2G",
      disks: { data: { size: "1GiB" } },
      networks: ["lan", "wan"],
      shares: {
        src: { source: "./src", target: "/mnt/src", readOnly: true },
        out: { source: "/srv/a,b", target: "/mnt/out" }
      },
      files: { "/etc/motd": { text: "hello\n" }, "/opt/tool": { source: "tool", mode: "0755" } },
      forwardPorts: [{ guest: 80 }, { guest: 22, host: 2222 }],
      internet: true
    },
    client: { image: "debian:12", networks: ["lan"] }
  },
  networks: { wan: { mtu: 9000 }, lan: {} },
  script: { file: "test.py" },
  timeouts: { test: "2h" }
}

const reasonOf = <A>(
  result: Result.Result<A, { readonly reason: { readonly _tag: string }; readonly message: string }>
) =>
  Result.match(result, {
    onSuccess: () => "planned",
    onFailure: ({ reason, message }) => `${reason._tag}: ${message}`
  })

/** One option and its value a line. */
const lines = (argv: ReadonlyArray<string>): string =>
  argv.reduce((text, word) => (word.startsWith("-") ? `${text}\n${word}` : `${text} ${word}`), "").trim()

describe("planTest", () => {
  const planned = Result.getOrThrow(plan({ spec: twoMachines }))

  it("numbers machines and networks by their sorted names", () => {
    assert.deepStrictEqual(
      planned.machines.map(({ name, index }) => [name, index]),
      [
        ["client", 1],
        ["server", 2]
      ]
    )
    assert.deepStrictEqual(
      planned.networks.map(({ name, number, mtu }) => [name, number, mtu]),
      [
        ["lan", 1, 1500],
        ["wan", 2, 9000]
      ]
    )
  })

  it("gives every guest's hosts file the addresses in first networks", () => {
    assert.deepStrictEqual(planned.hosts, [
      { name: "client", addresses: ["192.168.1.1", "2001:db8:1::1"] },
      { name: "server", addresses: ["192.168.1.2", "2001:db8:1::2"] }
    ])
  })

  it("lists the host's paths that have to exist", () => {
    assert.deepStrictEqual(planned.requiredPaths, [
      { path: "/home/me/project/src", namedBy: "machines.server.shares.src", kind: "directory" },
      { path: "/srv/a,b", namedBy: "machines.server.shares.out", kind: "directory" },
      { path: "/home/me/project/tool", namedBy: `machines.server.files["/opt/tool"]`, kind: "any" },
      { path: "/home/me/project/test.py", namedBy: "script", kind: "any" }
    ])
  })

  it("lets only default limits grow on slow guests", () => {
    assert.deepStrictEqual(planned.limits, {
      test: { duration: Duration.hours(2), scales: false },
      boot: { duration: Duration.minutes(5), scales: true },
      command: { duration: Duration.minutes(15), scales: true },
      shutdown: { duration: Duration.minutes(1), scales: true }
    })
  })

  it("fails for an image that is not stored", () => {
    const spec = Result.getOrThrow(decodeSpec({ spec: twoMachines, origin: "example" }))
    const result = planTest({
      spec,
      images: { client: storedImage() },
      host: host(),
      runDirectory: "/run/nvt",
      baseDirectory: "/",
      agent: { disk: "/agent.raw", unit: "" }
    })
    assert.strictEqual(reasonOf(result), "ImageNotStored: server: its image was not fetched")
  })
})

describe("planMachine", () => {
  const [client, server] = Result.getOrThrow(plan({ spec: twoMachines })).machines

  it("decides about disks, NICs, shares, files and ports", () => {
    const { disk, extraDisks, nics, shares, files, forwardPorts } = server ?? assert.fail("no server")
    assert.strictEqual(disk.bytes, 5 * gibibyte)
    assert.isTrue(disk.grows)
    expect({ overlay: disk.overlay, extraDisks, nics, shares, files, forwardPorts }).toMatchSnapshot()
  })

  it("writes QEMU's command line: booted by the boot loader", () => {
    expect(lines(client?.argv ?? [])).toMatchSnapshot()
  })

  it("writes QEMU's command line: with networks, shares and disks", () => {
    expect(lines(server?.argv ?? [])).toMatchSnapshot()
    assert.deepStrictEqual(server?.argv, [...(server?.devices.base ?? []), ...(server?.devices.test ?? [])])
  })

  it("keeps what belongs to this test out of the part that a template has", () => {
    assert.deepStrictEqual(
      client?.devices.base.slice(2),
      server?.devices.base
        .slice(2)
        .map((word) =>
          word
            .replaceAll("/m2.", "/m1.")
            .replace("1536M", "1024M")
            .replace(/^2$/u, "1")
            .replace("restrict=off", "restrict=on")
        )
    )
  })

  it("boots the kernel directly where it is known", () => {
    const machine = Result.getOrThrow(
      planOne({ boot: { kernelArgs: ["quiet", "panic=1"] } }, { image: storedImage(withKernel) })
    )
    assert.strictEqual(machine.boot, "kernel")
    expect(lines(machine.argv)).toMatchSnapshot()
  })

  it("leaves the kernel to the disk when asked to", () => {
    const machine = Result.getOrThrow(planOne({ boot: { mode: "disk" } }, { image: storedImage(withKernel) }))
    assert.strictEqual(machine.boot, "disk")
    assert.notInclude(machine.argv, "-kernel")
  })

  it("runs under KVM with the host's processor", () => {
    const machine = Result.getOrThrow(planOne({ cpus: 4 }, { host: host({ accelerator: "kvm" }) }))
    assert.deepStrictEqual([machine.cpuModel, machine.cpus, machine.quirks], ["host", 4, []])
    expect(lines(machine.argv)).toMatchSnapshot()
  })

  it("leaves out what this QEMU lacks", () => {
    const { argv } = Result.getOrThrow(planOne({}, { host: host({ sandbox: false }) }))
    assert.notInclude(argv, "-sandbox")
  })

  it("plans an ARM guest", () => {
    const image = storedImage(withKernel)
    const arm = { ...image, image: { ...image.image, architecture: "aarch64" as const } }
    const facts = host({ architecture: "aarch64", machineType: "virt-7.2" })
    expect(lines(Result.getOrThrow(planOne({}, { image: arm, host: facts })).argv)).toMatchSnapshot()
    const { kernel: _, ...noKernel } = arm
    assert.match(reasonOf(planOne({}, { image: noKernel, host: facts })), /^NoFirmware: vm: a aarch64 guest can only/u)
  })
})

describe("quirks", () => {
  const cases = [
    { qemu: 7, cpuLevel: 1, cpus: 2, model: "max,-erms,-fsrm,-cx16", gets: 2, rules: ["tcg-cx16"] },
    { qemu: 9, cpuLevel: 1, cpus: 1, model: "max,-erms,-fsrm,-cx16", gets: 1, rules: ["tcg-cx16"] },
    { qemu: 7, cpuLevel: 2, cpus: 4, model: "max,-erms,-fsrm", gets: 1, rules: ["tcg-one-cpu"] },
    { qemu: 7, cpuLevel: 3, cpus: 1, model: "max,-erms,-fsrm", gets: 1, rules: [] },
    { qemu: 10, cpuLevel: 1, cpus: 4, model: "max,-erms,-fsrm", gets: 4, rules: [] }
  ] as const
  it.each(cases)(
    "QEMU $qemu, level $cpuLevel, $cpus processors: $model, $gets",
    ({ qemu, cpuLevel, cpus, model, gets, rules }) => {
      const machine = Result.getOrThrow(
        planOne(
          { cpus },
          { image: storedImage({ cpuLevel }), host: host({ qemuVersion: { major: qemu, minor: 0, micro: 0 } }) }
        )
      )
      assert.deepStrictEqual([machine.cpuModel, machine.cpus], [model, gets])
      assert.deepStrictEqual(
        machine.quirks.map(({ id }) => id),
        [...rules]
      )
    }
  )
})

describe("plans that can't be", () => {
  const networks = { lan: {} }
  it.each([
    ["DiskTooSmall", planOne({ diskSize: "1GiB" })],
    ["NoKernel", planOne({ boot: { mode: "kernel" } })],
    ["KernelArgsUnused", planOne({ boot: { kernelArgs: ["quiet"] } })],
    [
      "KernelArgsUnused",
      planOne({ boot: { mode: "disk", kernelArgs: ["quiet"] } }, { image: storedImage(withKernel) })
    ],
    ["WrongArchitecture", planOne({}, { host: host({ architecture: "aarch64" }) })],
    [
      "ShareImpossible",
      planOne({ shares: { a: { source: "a", target: "/a", via: "9p" } } }, { image: storedImage({ ninep: false }) })
    ],
    [
      "NetworksUnsupported",
      planOne(
        { networks: ["lan"] },
        { networks, host: host({ streamNetdev: false, qemuVersion: { major: 6, minor: 2, micro: 0 } }) }
      )
    ],
    ["AddressesExhausted", planOne({ networks: ["lan"] }, { networks: { lan: { ipv4: "10.0.0.1/32" } } })],
    [
      "TooManyDevices",
      planOne({ disks: Object.fromEntries(Array.from({ length: 22 }, (_, n) => [`d${n}`, { size: "1M" }])) })
    ],
    ["SocketPathTooLong", planOne({}, { runDirectory: `/tmp/${"x".repeat(90)}` })]
  ])("%s", (tag, result) => {
    const text = reasonOf(result)
    assert.isTrue(text.startsWith(`${tag}: `), text)
    expect(text).toMatchSnapshot()
  })

  it("accepts an absolute size that the image has already", () => {
    const machine = Result.getOrThrow(planOne({ diskSize: "3GiB" }))
    assert.isFalse(machine.disk.grows)
  })
})
