import { assert, describe, it } from "@effect/vitest"
import { ImageError } from "@nix-vm-test/core/store/ImageError"
import * as images from "@nix-vm-test/distributions"
import { debian, rocky, ubuntu } from "@nix-vm-test/distributions/typedNames"
import { distributions } from "@nix-vm-test/distributions/registry"

const thrownBy = (run: () => unknown): unknown => {
  try {
    run()
  } catch (error) {
    return error
  }
}

describe("typed names", () => {
  it("are names that a test's machines take", () => {
    assert.deepStrictEqual(
      [debian("12"), debian("bookworm"), debian(), ubuntu("24_04"), ubuntu("24.04"), rocky("9")],
      ["debian:12", "debian:12", "debian:13", "ubuntu:24.04", "ubuntu:24.04", "rocky:9.8"]
    )
  })

  it("refuse others when they are compiled, and with suggestions when they run", () => {
    // @ts-expect-error there is no such release
    const error = thrownBy(() => debian("bokworm"))
    assert.instanceOf(error, ImageError)
    assert.match(String(error), /did you mean "debian:bookworm"/u)
    // @ts-expect-error a major is a release only where its newest minor is meant by it
    assert.match(String(thrownBy(() => ubuntu("24"))), /"ubuntu:24\.04" or "ubuntu:24\.10"/u)
  })

  it("are there for every distribution", () => {
    const { almalinux, alpine, amazonlinux, arch, centosStream, fedora, opensuse, oraclelinux } = images
    const all = [
      debian,
      ubuntu,
      fedora,
      rocky,
      almalinux,
      centosStream,
      oraclelinux,
      amazonlinux,
      opensuse,
      arch,
      alpine
    ]
    assert.deepStrictEqual(
      all.map((name) => name()),
      distributions.map((distribution) => `${distribution.family}:${distribution.default}`)
    )
  })
})
