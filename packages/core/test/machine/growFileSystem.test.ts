import { spawnSync } from "node:child_process"
import { growFileSystem, notGrown, readGrownSizes } from "@nix-vm-test/core/machine/growFileSystem"
import { assert, describe, it } from "@effect/vitest"

const GiB = 1024 ** 3
const grown = { disk: 8 * GiB, partitionEnd: 8 * GiB - 17_408, volume: 7 * GiB, fileSystem: 6.8 * GiB }

describe("growing a file system", () => {
  it("is POSIX shell", () => {
    assert.deepInclude(spawnSync("sh", ["-n"], { input: growFileSystem("/"), encoding: "utf8" }), {
      status: 0,
      stderr: ""
    })
  })

  it("says in its last line what failed", () => {
    const script = `set -eu\n${growFileSystem("/no/such/place")}`
    const { status, stderr } = spawnSync("sh", { input: script, encoding: "utf8" })
    assert.deepStrictEqual([status, stderr], [1, "nothing is mounted on /no/such/place\n"])
  })

  it("reads the sizes behind what the tools say", () => {
    assert.deepStrictEqual(readGrownSizes("CHANGED: partition=1\nsizes 8 7 6 5\n"), {
      disk: 8,
      partitionEnd: 7,
      volume: 6,
      fileSystem: 5
    })
    assert.isUndefined(readGrownSizes("CHANGED: partition=1\n"))
  })

  it("names the layer that did not grow", () => {
    assert.isUndefined(notGrown(grown, 8 * GiB))
    assert.match(notGrown(grown, 9 * GiB) ?? "", /^the guest sees a disk of/u)
    assert.match(notGrown({ ...grown, partitionEnd: 4 * GiB }, 8 * GiB) ?? "", /^its partition ends at/u)
    assert.match(notGrown({ ...grown, fileSystem: 4 * GiB }, 8 * GiB) ?? "", /^the file system has/u)
  })
})
