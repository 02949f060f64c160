/** The same as `first_test.py`. */
import assert from "node:assert/strict"
import { join } from "node:path"
import { defineTest } from "@nix-vm-test/core"

export default defineTest({
  machines: {
    machine: { image: "debian:12", memory: "512MiB" }
  },
  async script({ machine, subtest }) {
    await machine.waitForUnit("multi-user.target")

    await subtest("alice gets a program of her own", async () => {
      await machine.succeed("useradd --create-home alice")
      await machine.copyFromHost(join(import.meta.dirname, "greet"), "/home/alice/.local/bin/greet")
    })

    await subtest("alice may run it, and root may not", async () => {
      const greeting = await machine.succeed("su --login alice --command greet")
      assert.equal(greeting, "Hello, alice!\n")
      await machine.fail("su --login root --command greet")
    })
  }
})
