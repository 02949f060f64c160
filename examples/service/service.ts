/** The same as `service.py`. */
import assert from "node:assert/strict"
import { join } from "node:path"
import { defineTest } from "@nix-vm-test/core"

export default defineTest({
  machines: {
    server: { image: "debian:12", memory: "512MiB" }
  },
  async script({ server, startAll, subtest }) {
    await startAll()
    await server.copyFromHost(join(import.meta.dirname, "pages.service"), "/etc/systemd/system/pages.service")
    await server.succeed("mkdir /srv/pages && echo 'It works.' > /srv/pages/index.html")

    await subtest("the service starts and answers", async () => {
      await server.succeed("systemctl daemon-reload && systemctl start pages")
      await server.waitForUnit("pages.service")
      await server.waitForOpenPort(8000)
      assert.equal(await server.succeed("curl --silent --fail http://localhost:8000/"), "It works.\n")
    })

    await subtest("it does not run as root", async () => {
      await server.fail("pgrep --uid root --full http.server")
    })

    await subtest("it comes back after a crash", async () => {
      await server.succeed("systemctl kill --signal=KILL pages")
      await server.waitUntilSucceeds("curl --silent --fail http://localhost:8000/", { timeout: "1min" })
      assert.equal(await server.getUnitProperty("pages.service", "NRestarts"), "1")
    })
  }
})
