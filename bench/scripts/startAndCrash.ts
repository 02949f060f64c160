/** A machine that is let go as soon as its guest says something: what it takes to start QEMU, and no boot. */
import { defineTest } from "@nix-vm-test/core"

export default defineTest({
  machines: { machine: { image: "debian:12", memory: "512MiB", start: "cold" } },
  async script({ machine }) {
    await machine.waitForConsoleText(/./u)
    await machine.crash()
  }
})
