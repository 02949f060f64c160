/** The first test: a Debian guest boots, a service runs in it, and a user may not do what root may. */
import assert from "node:assert/strict"
import { defineTest } from "@nix-vm-test/core"

export default defineTest({
  name: "hello",
  machines: {
    machine: { image: "debian:12", memory: "512MiB" }
  },
  async script({ machine, subtest, log }) {
    await subtest("the guest is a Debian 12", async () => {
      const release = await machine.succeed('. /etc/os-release; echo "$ID $VERSION_ID"')
      assert.equal(release, "debian 12\n")
    })

    await subtest("a service starts and answers on its port", async () => {
      await machine.succeed("systemd-run --unit=hello python3 -m http.server 8000 --directory /etc")
      await machine.waitForUnit("hello.service")
      await machine.waitForOpenPort(8000)
      const hostname = await machine.succeed(["curl", "--silent", "http://localhost:8000/hostname"])
      assert.match(hostname, /\w/)
    })

    await subtest("a user may not do what root may", async () => {
      await machine.succeed("useradd --create-home alice")
      assert.equal(await machine.succeed("whoami", { user: "alice" }), "alice\n")
      await machine.fail("touch /etc/forbidden", { user: "alice" })
      await machine.succeed("touch /etc/allowed")
    })

    await subtest("a file of the host goes in unchanged", async () => {
      await machine.copyFromHost(import.meta.filename, "/root/hello.ts")
      const bytes = await machine.succeed("wc --bytes < /root/hello.ts")
      log(`the guest has the ${bytes.trim()} bytes of this script`)
    })
  }
})
