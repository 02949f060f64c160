/** What the scripts do is seen in guests; here, that every family's is one that any shell can read, and says what it does. */
import { spawnSync } from "node:child_process"
import { settle, settleSteps } from "@nix-vm-test/core/machine/settleScript"
import { userNetworkMac } from "@nix-vm-test/core/plan/addresses"
import { ImageFacts } from "@nix-vm-test/core/spec/Image"
import { assert, describe, it } from "@effect/vitest"

const inits = ImageFacts.fields.init.literals
const networkManagers = ImageFacts.fields.networkManager.literals

describe("settling", () => {
  for (const init of inits) {
    for (const networkManager of networkManagers) {
      const facts = { init, networkManager, slowUnits: ["apt-daily.timer"] }

      it(`is POSIX shell for ${init} with ${networkManager}, and finds the NIC by its address`, () => {
        const script = settle(facts)
        const { status, stderr } = spawnSync("sh", ["-n"], { input: script, encoding: "utf8" })
        assert.deepStrictEqual([status, stderr], [0, ""])
        assert.include(script, userNetworkMac)
        assert.notMatch(script, /\b(?:eth|ens|enp)\d/u)
      })
    }

    it(`does not ask systemd in a guest of ${init}, unless that is its init`, () => {
      const script = settle({ init, networkManager: "ifupdown", slowUnits: ["apt-daily.timer"] })
      assert.strictEqual(script.includes("systemctl"), init === "systemd")
    })
  }

  it("says of each step what it changes, also of the units that it masks", () => {
    const sentences = settleSteps({ init: "systemd", networkManager: "NetworkManager", slowUnits: ["kdump.service"] })
    for (const { does } of sentences) assert.match(does, /^\w.*[^.]$/u)
    assert.include(sentences.map(({ does }) => does).join("\n"), "kdump.service")
  })
})
