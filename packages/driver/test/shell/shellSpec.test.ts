import { assert, describe, it } from "@effect/vitest"
import { type ShellOptions, shellSpec } from "@nix-vm-test/driver/shell/shellSpec"
import * as Option from "effect/Option"
import * as Result from "effect/Result"

const specOf = (options: Partial<ShellOptions>) =>
  shellSpec({
    distribution: "debian",
    version: Option.none(),
    memory: Option.none(),
    cpus: Option.none(),
    diskSize: Option.none(),
    share: [],
    accel: "auto",
    ...options
  })

const machineOf = (options: Partial<ShellOptions>) => Result.getOrThrow(specOf(options)).machines["machine"]

describe("shellSpec", () => {
  it.each([
    [{ distribution: "debian", version: Option.some("12") }, "debian:12"],
    [{ distribution: "debian:bookworm" }, "debian:bookworm"],
    [{ distribution: "debian" }, "debian"],
    [{ distribution: "./disk.qcow2" }, { file: "./disk.qcow2" }]
  ])("takes %j as an image", (options, image) => {
    assert.deepStrictEqual(machineOf(options)?.image, image)
  })

  it("gives the guest internet, and what the flags say", () => {
    assert.deepStrictEqual(
      machineOf({ memory: Option.some("2GiB"), cpus: Option.some(2), share: ["a:b:/mnt", ".:/here"] }),
      {
        image: "debian",
        internet: true,
        memory: "2GiB",
        cpus: 2,
        shares: { share0: { source: "a:b", target: "/mnt" }, share1: { source: ".", target: "/here" } }
      }
    )
  })

  it.each([
    [{ distribution: "debian:12", version: Option.some("13") }, /two versions/u],
    [{ share: ["here"] }, /--share here: not SRC:DST/u],
    [{ share: ["here:mnt"] }, /--share here:mnt: not SRC:DST/u]
  ])("refuses %j", (options, message) => {
    assert.match(Result.getOrThrow(Result.flip(specOf(options))).message, message)
  })
})
