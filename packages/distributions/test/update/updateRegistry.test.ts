/** Registries on disk, and what of them changes. */
import { assert, describe, it } from "@effect/vitest"
import type { Distribution } from "@nix-vm-test/distributions/Distribution"
import * as Effect from "effect/Effect"
import type { Site } from "./publisherServer.ts"
import { updateFolder } from "./updateFolder.ts"
import { distributionOf, pin, type Scene, sha256 } from "./updateScene.ts"

const textOf = (distribution: Distribution): string => `${JSON.stringify(distribution, undefined, 2)}\n`

const sceneAt = (host: string): Scene => {
  const url = `https://${host}/20260101.0/mine-12-x86_64-20260101.0.qcow2`
  return {
    publisher: {
      _tag: "ChecksumFiles",
      origins: [`https://${host}/`],
      build: String.raw`\d{8}\.\d+`,
      checksums: "SHA256SUMS"
    },
    version: "12",
    images: { x86_64: pin({ build: "20260101.0", urls: [url], digest: { algorithm: "sha256", hex: sha256(host) } }) }
  }
}

const siteAt = (host: string, build: string, content: string): Site => ({
  [`https://${host}/${build}/mine-12-x86_64-${build}.qcow2`]: content,
  [`https://${host}/${build}/SHA256SUMS`]: `${sha256(content)}  mine-12-x86_64-${build}.qcow2\n`
})

describe("updateRegistry", () => {
  const files = {
    "a.json": textOf(distributionOf(sceneAt("a.test"))),
    "b.json": textOf(distributionOf(sceneAt("b.test"))),
    "c.json": textOf(distributionOf(sceneAt("c.test")))
  }
  const site = {
    ...siteAt("a.test", "20260201.0", "new"),
    ...siteAt("b.test", "20260101.0", "other bytes than pinned"),
    ...siteAt("c.test", "20260301.0", "newer"),
    "https://c.test/20260301.0/mine-12-x86_64-20260301.0.qcow2": "damaged"
  }

  it.live("renews one distribution and leaves another as it is, with the reason", () =>
    Effect.gen(function* () {
      const { updates, after } = yield* updateFolder({ files, site })
      assert.deepStrictEqual(
        updates.map((update) => [
          update.family,
          update.outcome === "failed" ? update.error.reason._tag : update.isChanged
        ]),
        [
          ["a", true],
          ["b", "DigestChanged"],
          ["c", "BytesDiffer"]
        ]
      )
      assert.deepStrictEqual([after["b.json"], after["c.json"]], [files["b.json"], files["c.json"]])
      assert.deepStrictEqual(Object.keys(after), Object.keys(files))
    })
  )

  it.live("changes only the lines of what is renewed", () =>
    Effect.gen(function* () {
      const { after } = yield* updateFolder({ files: { "a.json": files["a.json"] }, site })
      const before = files["a.json"].split("\n")
      const added = (after["a.json"] ?? "").split("\n").filter((line) => !before.includes(line))
      assert.deepStrictEqual(
        added.map((line) => line.trim().replace(/"read": .*/u, '"read"')),
        [
          '"build": "20260201.0",',
          '"published": "2026-02-01",',
          '"https://a.test/20260201.0/mine-12-x86_64-20260201.0.qcow2"',
          `"hex": "${sha256("new")}"`,
          '"size": 3,',
          '"checksums": "https://a.test/20260201.0/SHA256SUMS",',
          '"read"'
        ]
      )
      const again = yield* updateFolder({ files: { "a.json": after["a.json"] ?? "" }, site })
      assert.deepStrictEqual(again.after, after)
    })
  )

  it.live("writes nothing and downloads no image in a check", () =>
    Effect.gen(function* () {
      const { updates, after } = yield* updateFolder({ files, site, checkOnly: true })
      assert.deepStrictEqual(after, files)
      assert.deepStrictEqual(
        updates.map((update) => update.outcome === "updated" && update.isChanged),
        [true, false, true]
      )
    })
  )

  it.live.each([
    { what: "no JSON", text: "{", why: /a\.json: / },
    { what: "an unknown field", text: files["a.json"].replace('"title"', '"titel"'), why: /titel|title/u },
    {
      what: "no publisher",
      text: textOf(distributionOf(sceneAt("a.test"))).replace(/\n {2}"publisher": \{[^]*?\n {2}\},/u, ""),
      why: /who publishes/u
    }
  ])("refuses a file with $what", ({ text, why }) =>
    Effect.gen(function* () {
      const { updates, after } = yield* updateFolder({ files: { "a.json": text }, site })
      const [update] = updates
      assert.match(update?.outcome === "failed" ? update.error.message : "", why)
      assert.deepStrictEqual(after, { "a.json": text })
    })
  )

  it.live("refuses a build that the registry may not have", () =>
    Effect.gen(function* () {
      const moving = textOf(distributionOf(sceneAt("a.test"))).replace(String.raw`\\d{8}\\.\\d+`, ".+")
      const latest = siteAt("a.test", "latest-99999999", "new")
      const { updates, after } = yield* updateFolder({ files: { "a.json": moving }, site: latest })
      const [update] = updates
      assert.match(update?.outcome === "failed" ? update.error.message : "", /may change/u)
      assert.deepStrictEqual(after, { "a.json": moving })
    })
  )
})
