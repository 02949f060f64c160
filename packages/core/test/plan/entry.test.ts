import type { EntryPlan } from "@nix-vm-test/core/plan/entry/EntryPlan"
import type { EntryStrategy } from "@nix-vm-test/core/spec/Image"
import { assert, describe, expect, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { planOne, storedImage } from "./examples.ts"

const unit = "[Unit]\nDescription=agent\n"

const entryOf = (entry: EntryStrategy): EntryPlan =>
  Result.getOrThrow(planOne({}, { image: storedImage({ entry }) })).entry

const decodeBase64 = (text: string): string => Buffer.from(text, "base64").toString()

/** Credentials by name, as systemd reads them from the SMBIOS strings. */
const credentials = (entry: EntryPlan): Record<string, string> =>
  Object.fromEntries(
    entry.arguments
      .filter((word) => word !== "-smbios")
      .map((word) => {
        const [, name = "", content = ""] =
          /^type=11,value=io\.systemd\.credential\.binary:([^=]+)=(.*)$/u.exec(word) ?? []
        return [name, decodeBase64(content)]
      })
  )

describe("entry", () => {
  it("of an image with the agent needs nothing", () => {
    assert.deepStrictEqual(entryOf("installed"), { strategy: "installed", arguments: [] })
  })

  it("by credentials gives systemd the unit and what wants it", () => {
    const wants = "[Unit]\nWants=nix-vm-test-agent.service\n"
    assert.deepStrictEqual(credentials(entryOf("credential")), {
      "systemd.extra-unit.nix-vm-test-agent.service": unit,
      "systemd.unit-dropin.sysinit.target~nix-vm-test": wants,
      "systemd.unit-dropin.multi-user.target~nix-vm-test": wants
    })
  })

  it("by tmpfiles writes the unit and the udev rule that starts it, by a way that is open before udev starts", () => {
    const [name, content = ""] = Object.entries(credentials(entryOf("tmpfiles")))[0] ?? []
    assert.strictEqual(name, "tmpfiles.extra")
    assert.include(content, "L /dev/nix-vm-test - - - - /run\n")
    const files = content
      .split("\n")
      .filter((line) => line.startsWith("f~"))
      .map((line) => line.split(" "))
    assert.deepStrictEqual(
      files.map((words) => [words[1], decodeBase64(words.at(-1) ?? "")]),
      [
        [
          "/dev/nix-vm-test/udev/rules.d/99-nix-vm-test.rules",
          `SUBSYSTEM=="virtio-ports", ATTR{name}=="nix-vm-test.agent", TAG+="systemd", ENV{SYSTEMD_WANTS}+="nix-vm-test-agent.service"\n`
        ],
        ["/dev/nix-vm-test/systemd/system/nix-vm-test-agent.service", unit]
      ]
    )
  })

  it("by cloud-init is a seed disk, which the machine has", () => {
    const machine = Result.getOrThrow(planOne({}, { image: storedImage({ entry: "nocloud" }) }))
    expect(machine.entry).toMatchSnapshot()
    assert.include(machine.argv, "if=none,id=seed,file=/run/user/1000/nvt-Ab12Cd/m1.seed,format=raw,readonly=on")
  })

  it.each([
    ["openrc", "::respawn:/usr/local/sbin/nix-vm-test-agent"],
    ["sysvinit", "nvt:2345:respawn:/usr/local/sbin/nix-vm-test-agent"]
  ] as const)("by cloud-init has %s start the agent from its table", (init, line) => {
    const entry = Result.getOrThrow(planOne({}, { image: storedImage({ entry: "nocloud", init }) })).entry
    const data = entry.strategy === "nocloud" ? entry.seed.files["user-data"] : ""
    assert.include(data, `echo '${line}' >> /etc/inittab\nkill -HUP 1\n`)
    assert.notInclude(data, "systemctl")
  })

  it("of a prepared image is no longer by cloud-init", () => {
    const image = storedImage({ entry: "nocloud", installedAgent: true })
    assert.strictEqual(Result.getOrThrow(planOne({}, { image })).entry.strategy, "installed")
  })
})
