/** What a guest wrote into a copy of a folder, however its run ends. */
import { mkdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "@effect/vitest"
import { Workplace } from "./Workplace.ts"

let place: Workplace
beforeEach(() => {
  place = new Workplace()
  mkdirSync(join(place.folder, "back"))
})
afterEach(() => place.remove())

const testOf = (...script: ReadonlyArray<string>): string =>
  [
    `import { mkdirSync } from "node:fs"`,
    `import { defineTest } from "@nix-vm-test/core"`,
    `export default defineTest({`,
    `  machines: { vm: { image: "debian:12", memory: "512MiB",`,
    `    shares: { back: { source: "./back", target: "/mnt/back", via: "copy" } } } },`,
    `  async script({ vm }) {`,
    `    await vm.succeed("echo of the guest > /mnt/back/new")`,
    ...script,
    `  }`,
    `})`
  ].join("\n")

const written = (): string => readFileSync(join(place.folder, "back/new"), "utf8")

describe("what a guest wrote into a copy", () => {
  it("comes back although the test failed, and the report told that it would", async () => {
    const { exitCode, stdout } = await place.runTest(testOf(`await vm.fail("true")`))
    assert.strictEqual(exitCode, 1)
    assert.strictEqual(written(), "of the guest\n")
    assert.match(stdout, /\/mnt\/back comes as a copy: what the guest changes is written back/u)
  })

  it("comes back although the run was interrupted", async () => {
    let interrupted = false
    const { exitCode } = await place.runTest(testOf(`console.log("it is there")`, `await vm.succeed("sleep 600")`), {
      onOutput: (stdout, command) => {
        if (interrupted || !stdout.includes("it is there")) return
        interrupted = true
        command.signal("SIGINT")
      }
    })
    assert.strictEqual(exitCode, 130)
    assert.strictEqual(written(), "of the guest\n")
  })

  it("fails a test that passed when it can't come back", async () => {
    const { exitCode, stdout } = await place.runTest(testOf(`mkdirSync("back/new")`))
    assert.strictEqual(exitCode, 2)
    assert.match(stdout, /bringing back what the guest changed in \/mnt\/back failed: .*back\/new/u)
  })
})
