import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import { ChildProcesses } from "@nix-vm-test/core/host/ChildProcesses"
import { debianSources, parseIndexTargets, sourceLines } from "@nix-vm-test/core/store/builder/debianSources"

const withEnvironment = (env: Record<string, string>) =>
  debianSources.pipe(
    Effect.provide(ChildProcesses.layer),
    Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnvRecord(env))
  )

describe("debianSources", () => {
  it("finds Debian's archive and its security updates among others", () => {
    const text = [
      "https://packages.test/sdk/|sdk-bookworm",
      "https://ubuntu.test/|noble",
      "http://mirror.test/debian/|bookworm",
      "http://mirror.test/debian/|bookworm-updates",
      "http://security.test/|bookworm-security",
      ""
    ].join("\n")
    assert.deepStrictEqual(parseIndexTargets(text), {
      mirror: "http://mirror.test/debian",
      security: "http://security.test"
    })
  })

  it("finds nothing where apt has other distributions only, or nothing at all", () => {
    assert.isUndefined(parseIndexTargets("https://ubuntu.test/|noble\nhttps://ubuntu.test/|noble-security\n"))
    assert.isUndefined(parseIndexTargets(""))
  })

  it("writes the lines of a release", () => {
    const sources = { mirror: "http://m/debian", security: "http://s" }
    const release = { codename: "trixie", securityUpdates: true }
    const main = "deb http://m/debian trixie main"
    assert.deepStrictEqual(sourceLines({ sources, ...release }), [main, "deb http://s trixie-security main"])
    assert.deepStrictEqual(sourceLines({ sources: { mirror: sources.mirror }, ...release }), [main])
    assert.deepStrictEqual(sourceLines({ sources, ...release, securityUpdates: false }), [main])
  })

  it.effect("takes the mirror that the user names", () =>
    Effect.gen(function* () {
      const sources = yield* withEnvironment({ NIX_VM_TEST_DEBIAN_MIRROR: "http://mine.test/debian/" })
      assert.deepStrictEqual(sources, { mirror: "http://mine.test/debian" })
    })
  )
})
