import { assert, describe, it } from "@effect/vitest"
import { differences, isSameShape, type TemplateIdentity } from "@nix-vm-test/core/plan/TemplateIdentity"

const template: TemplateIdentity = {
  templateVersion: 1,
  image: "sha256-1",
  qemuBuildId: "qemu-1",
  agentDigest: "agent-1",
  cpu: "cpu-1",
  machine: [
    ["-machine", "pc-i440fx-7.2"],
    ["-accel", "kvm"],
    ["-cpu", "host"],
    ["-smp", "1"],
    ["-m", "512M"],
    ["-device", "virtio-rng-pci"]
  ]
}

const withFlag = (flag: string, value: string): TemplateIdentity => ({
  ...template,
  machine: template.machine.map(([name, its]) => [name, name === flag ? value : its] as const)
})

describe("templates", () => {
  it("are for machines of their own image, memory and processors", () => {
    assert.isTrue(isSameShape(template, { ...withFlag("-cpu", "max"), qemuBuildId: "qemu-2" }))
    assert.isFalse(isSameShape(template, withFlag("-m", "1024M")))
    assert.isFalse(isSameShape(template, withFlag("-smp", "2")))
    assert.isFalse(isSameShape(template, { ...template, image: "sha256-2" }))
  })

  it("fit where nothing differs", () => {
    assert.deepStrictEqual(differences(template, { ...template }), [])
  })

  it.each<[string, TemplateIdentity, RegExp]>([
    ["QEMU", { ...template, qemuBuildId: "qemu-2" }, /made by another QEMU/u],
    ["processor", { ...template, cpu: "cpu-2" }, /another processor/u],
    ["agent", { ...template, agentDigest: "agent-2" }, /agent of another version/u],
    ["way of making", { ...template, templateVersion: 2 }, /another version of nix-vm-test/u],
    ["machine type", withFlag("-machine", "pc-10.0"), /machine type is pc-i440fx-7\.2, here it is pc-10\.0/u],
    ["accelerator", withFlag("-accel", "tcg"), /accelerator is kvm, here it is tcg/u],
    ["CPU model", withFlag("-cpu", "max"), /CPU model is host, here it is max/u],
    ["devices", withFlag("-device", "vmgenid"), /other devices/u]
  ])("say that the %s differs", (_what, here, words) => {
    const [why, ...more] = differences(template, here)
    assert.match(why ?? "", words)
    assert.deepStrictEqual(more, [])
  })
})
