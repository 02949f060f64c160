import { assert, describe, it } from "@effect/vitest"
import type { MachinePlan } from "@nix-vm-test/core/plan/MachinePlan"
import { cloneArguments, sealArguments, templateIdentity, templateKey } from "@nix-vm-test/core/plan/templateArguments"
import * as Result from "effect/Result"
import { host, plan, planOne, storedImage, withKernel } from "./examples.ts"

const planned = (...options: Parameters<typeof planOne>): MachinePlan => Result.getOrThrow(planOne(...options))

const direct = storedImage({ kernel: withKernel.kernel })

const keyOf = (
  machine: MachinePlan,
  more: { readonly qemuBuildId?: string; readonly agentDigest?: string; readonly hostCpu?: string } = {}
): string =>
  templateKey(
    templateIdentity({ plan: machine, qemuBuildId: "qemu-1", agentDigest: "agent-1", hostCpu: "cpu-1", ...more })
  )

const base = planned({}, { image: direct })

/** The value behind a flag. */
const valueOf = (argv: ReadonlyArray<string>, flag: string): string | undefined => argv[argv.indexOf(flag) + 1]

describe("the key of a template", () => {
  it("is the same for all that belongs to one run or one test only", () => {
    const moved = {
      ...direct,
      kernel: { ...withKernel.kernel, kernel: "/elsewhere/vmlinuz", initrd: "/elsewhere/initrd" }
    }
    const same = {
      "another run": planned(
        {},
        { image: direct, runDirectory: "/tmp/nvt-Zz99Yy", agentDisk: "/tmp/nvt-Zz99Yy/agent" }
      ),
      "a run directory with commas": planned(
        {},
        { image: direct, runDirectory: "/tmp/a,b,c", agentDisk: "/tmp/a,b,c/agent" }
      ),
      "another cache": planned({}, { image: moved }),
      internet: planned({ internet: true }, { image: direct }),
      "a larger disk": planned({ diskSize: "+1GiB" }, { image: direct }),
      "devices of the test": planned(
        { disks: { data: { size: "1GiB" } }, shares: { tools: { source: "/srv", target: "/srv" } }, networks: ["lan"] },
        { image: direct, networks: { lan: {} } }
      ),
      "what the guest is given later": planned(
        { files: { "/etc/x": { text: "x" } }, forwardPorts: [{ guest: 80 }], selinux: "permissive", start: "clone" },
        { image: direct }
      )
    }
    for (const [what, machine] of Object.entries(same)) assert.strictEqual(keyOf(machine), keyOf(base), what)
  })

  it("is the same for all machines of a test that are alike", () => {
    const { machines } = Result.getOrThrow(
      plan({ spec: { machines: { one: { image: "debian:12" }, two: { image: "debian:12" } } }, image: direct })
    )
    const [one, two] = machines.map((machine) => keyOf(machine))
    assert.strictEqual(one, two)
  })

  it("differs where the guest would", () => {
    const kernelArgs = (...words: ReadonlyArray<string>) => planned({ boot: { kernelArgs: words } }, { image: direct })
    const keys = {
      base: keyOf(base),
      memory: keyOf(planned({ memory: "512MiB" }, { image: direct })),
      cpus: keyOf(planned({ cpus: 2 }, { image: direct })),
      image: keyOf(planned({}, { image: { ...direct, key: "another" } })),
      "boot by disk": keyOf(planned({ boot: { mode: "disk" } }, { image: direct })),
      "kernel arguments": keyOf(kernelArgs("quiet")),
      "arguments that look like a path": keyOf(kernelArgs("root,path=/a")),
      "another such path": keyOf(kernelArgs("root,path=/b")),
      accelerator: keyOf(planned({}, { image: direct, host: host({ accelerator: "kvm" }) })),
      "machine type": keyOf(planned({}, { image: direct, host: host({ machineType: "pc-i440fx-8.0" }) })),
      "way in": keyOf(
        planned({}, { image: { ...direct, installedAgent: false, image: storedImage({ entry: "credential" }).image } })
      ),
      QEMU: keyOf(base, { qemuBuildId: "qemu-2" }),
      agent: keyOf(base, { agentDigest: "agent-2" })
    }
    assert.strictEqual(new Set(Object.values(keys)).size, Object.keys(keys).length, JSON.stringify(keys, undefined, 2))
    for (const key of Object.values(keys)) assert.match(key, /^[0-9a-f]{32}$/u)
  })
})

it("a host's processor matters to the key where it is the guest's", () => {
  const machineUnder = (accelerator: "kvm" | "tcg") => planned({}, { image: direct, host: host({ accelerator }) })
  for (const [accelerator, differs] of [
    ["kvm", true],
    ["tcg", false]
  ] as const) {
    const machine = machineUnder(accelerator)
    assert.strictEqual(keyOf(machine) !== keyOf(machine, { hostCpu: "cpu-2" }), differs, accelerator)
  }
})

describe("the arguments of a template and its clones", () => {
  const machine = planned(
    { disks: { data: { size: "1GiB" } }, shares: { tools: { source: "/srv,x", target: "/srv" } } },
    { image: direct }
  )

  it("are the same machine with its memory in a file, shared with the template and private to a clone", () => {
    const sealed = sealArguments(machine, "/cache/a,b/ram")
    const { argv } = cloneArguments(machine, "/cache/a,b/ram")
    const memory = `memory-backend-file,id=ram,size=${machine.memoryBytes},mem-path=/cache/a,,b/ram`
    assert.strictEqual(valueOf(sealed, "-object"), `${memory},share=on`)
    assert.strictEqual(valueOf(argv, "-object"), `${memory},share=off`)
    for (const each of [sealed, argv]) {
      assert.strictEqual(valueOf(each, "-machine"), "pc-i440fx-7.2,memory-backend=ram")
      assert.deepStrictEqual(
        each
          .slice(2)
          .filter((value) => !value.startsWith("pc-i440fx"))
          .slice(0, machine.devices.base.length - 1),
        machine.devices.base.filter((value) => !value.startsWith("pc-i440fx"))
      )
    }
  })

  it("leave the test's devices out of the template, and plug them into a clone that has their other ends", () => {
    const sealed = sealArguments(machine, "/ram").join(" ")
    assert.notInclude(sealed, "disk1")
    assert.notInclude(sealed, "share1")
    const { argv, plugged } = cloneArguments(machine, "/ram")
    assert.deepStrictEqual(plugged, [
      "virtio-9p-pci,fsdev=share1,mount_tag=tools",
      "virtio-blk-pci,drive=disk1,serial=data"
    ])
    const text = argv.join(" ")
    assert.include(text, "-fsdev local,id=share1,path=/srv,,x,")
    assert.include(text, "-drive if=none,id=disk1,")
    for (const device of plugged) assert.notInclude(argv, device)
    assert.deepStrictEqual(argv.slice(-2), ["-incoming", "defer"])
  })
})
