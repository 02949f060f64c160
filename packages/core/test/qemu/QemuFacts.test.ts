import { assert, describe, it } from "@effect/vitest"
import * as Option from "effect/Option"
import { parseFacts } from "@nix-vm-test/core/qemu/QemuFacts"
import { conversationOf } from "./fakeQemu.ts"

describe("parseFacts", () => {
  it("reads a QEMU that can nothing", () => {
    assert.deepStrictEqual(
      parseFacts(conversationOf({})),
      Option.some({
        version: { major: 9, minor: 2, micro: 3, text: "9.2.3" },
        machineTypes: {},
        capabilities: {
          kvm: false,
          sandbox: false,
          fsdev: false,
          userNetdev: false,
          streamNetdev: false,
          dgramNetdev: false,
          streamReconnect: false
        }
      })
    )
  })
  it("reads a QEMU that can everything", () => {
    const facts = parseFacts(
      conversationOf({
        version: [10, 2, 0],
        package: " Debian 1:10.2",
        machines: [
          { name: "pc-i440fx-10.2", alias: "pc" },
          { name: "pc-i440fx-10.1" },
          { name: "pc-q35-10.2", alias: "q35" }
        ],
        kvm: true,
        options: [
          { option: "sandbox", parameters: ["enable"] },
          { option: "fsdev", parameters: [] }
        ],
        netdevs: { user: ["restrict"], stream: ["addr", "server", "reconnect-ms"], dgram: [] }
      })
    )
    assert.deepStrictEqual(
      facts,
      Option.some({
        version: { major: 10, minor: 2, micro: 0, text: "10.2.0 (Debian 1:10.2)" },
        machineTypes: { pc: "pc-i440fx-10.2", q35: "pc-q35-10.2" },
        capabilities: {
          kvm: true,
          sandbox: true,
          fsdev: true,
          userNetdev: true,
          streamNetdev: true,
          dgramNetdev: true,
          streamReconnect: true
        }
      })
    )
  })
  it("an answer that is missing, cut or not there gives nothing", () => {
    const whole = conversationOf({})
    assert.isTrue(Option.isNone(parseFacts("")))
    assert.isTrue(Option.isNone(parseFacts(whole.slice(0, whole.length / 2))))
    assert.isTrue(Option.isNone(parseFacts(whole.replace('"id":3', '"id":33'))))
    assert.isTrue(
      Option.isNone(
        parseFacts(whole.replace('"major":9,"minor":2,"micro":3},"package":""},"id":1', '"major":9},"id":1'))
      )
    )
  })
})
