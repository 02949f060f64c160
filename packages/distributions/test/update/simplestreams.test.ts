import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import type { Simplestreams } from "@nix-vm-test/distributions/update/Publisher"
import * as Effect from "effect/Effect"
import { TestKey } from "./signingKey.ts"
import { pin, refusal, type Scene, sha256, update } from "./updateScene.ts"

const stream = "https://images.test/releases/streams/v1/released.sjson"
const keyUrl = "https://keys.test/mine.asc"
const from = "20260801"

let key: TestKey
beforeAll(() => {
  key = new TestKey()
})
afterAll(() => key.remove())

const urlOf = (build: string, architecture = "amd64") =>
  `https://images.test/releases/mine/release-${build}/mine-24.04-server-cloudimg-${architecture}.img`

/** A file as the document tells of it; its content is its build. */
const disk = (build: string, change: object = {}) => ({
  "disk1.img": {
    ftype: "disk1.img",
    path: `server${new URL(urlOf(build)).pathname}`,
    sha256: sha256(build),
    size: build.length,
    ...change
  },
  manifest: { ftype: "manifest", path: "server/releases/mine/x.manifest", md5: "none" }
})

const product = (versions: Readonly<Record<string, object>>, change: object = {}) => ({
  arch: "amd64",
  version: "24.04",
  release: "mine",
  supported: true,
  versions: Object.fromEntries(Object.entries(versions).map(([build, items]) => [build, { items }])),
  ...change
})

const sceneOf = (): Scene => {
  const publisher: Simplestreams = {
    _tag: "Simplestreams",
    signature: { _tag: "Clearsigned", keys: [{ fingerprint: key.fingerprint, url: keyUrl }] },
    build: String.raw`\d{8}(?:\.\d+)?`,
    stream,
    item: "disk1.img"
  }
  const digest = { algorithm: "sha256", hex: sha256(from) } as const
  return { publisher, version: "24.04", images: { x86_64: pin({ build: from, urls: [urlOf(from)], digest }) } }
}

const siteOf = (products: Readonly<Record<string, object>>, ...builds: ReadonlyArray<string>) => ({
  [keyUrl]: key.armored,
  [stream]: key.clearsign(JSON.stringify({ format: "products:1.0", products })),
  ...Object.fromEntries(builds.map((build) => [urlOf(build), build]))
})

describe("simplestreams", () => {
  it.live("give the newest build, with its size, and the key that signed for it", () =>
    Effect.gen(function* () {
      const site = siteOf(
        { "server:24.04:amd64": product({ [from]: disk(from), "20260901": disk("20260901") }) },
        "20260901"
      )
      const { changes, pins } = yield* update(sceneOf(), site)
      assert.deepStrictEqual(changes, ["x86_64 renewed 20260901"])
      assert.deepInclude(pins?.x86_64, { urls: [urlOf("20260901")], size: 8, published: "2026-09-01" })
      assert.deepInclude(pins?.x86_64?.digestSource, { checksums: stream, signedBy: key.fingerprint })
    })
  )

  const respin = "20260901.1"
  const newer = "20260901"
  const v3 = { path: disk(newer)["disk1.img"].path.replace("amd64", "amd64v3") }
  it.live.each([
    {
      trap: "a respin of the day",
      products: () => ({ a: product({ [newer]: disk(newer), [respin]: disk(respin) }) }),
      changes: [`x86_64 renewed ${respin}`]
    },
    {
      trap: "a newest version without a disk",
      products: () => ({
        a: product({ [from]: disk(from), [newer]: disk(newer), "20261001": { manifest: { path: "x" } } })
      }),
      changes: [`x86_64 renewed ${newer}`]
    },
    {
      trap: "a product for later processors",
      products: () => ({
        a: product({ [newer]: disk(newer, v3) }, { arch: "amd64v3" }),
        b: product({ [from]: disk(from) })
      }),
      changes: [`x86_64 confirmed ${from}`]
    },
    {
      trap: "a disk for later processors in the plain product",
      products: () => ({ a: product({ [from]: disk(from), [newer]: disk(newer, v3) }) }),
      changes: [`x86_64 confirmed ${from}`]
    },
    {
      trap: "another release",
      products: () => ({
        a: product({ [newer]: disk(newer) }, { version: "24.10" }),
        b: product({ [from]: disk(from) })
      }),
      changes: [`x86_64 confirmed ${from}`]
    },
    {
      trap: "a daily path",
      products: () => ({
        a: product({
          [from]: disk(from),
          [newer]: disk(newer, { path: `server/mine/${newer}/mine-24.04-server-cloudimg-amd64.img` })
        })
      }),
      changes: [`x86_64 confirmed ${from}`]
    },
    {
      trap: "a build of another shape",
      products: () => ({ a: product({ [from]: disk(from), "20990101-beta": disk("20990101-beta") }) }),
      changes: [`x86_64 confirmed ${from}`]
    },
    {
      trap: "a digest that was cut off",
      products: () => ({ a: product({ [from]: disk(from), [newer]: disk(newer, { sha256: "ab" }) }) }),
      changes: [`x86_64 confirmed ${from}`]
    }
  ])("are not deceived by $trap", ({ products, changes }) =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* update(sceneOf(), siteOf(products(), newer, respin))).changes, changes)
    })
  )

  it.live.each([
    {
      trap: "a document that was changed",
      site: () => ({
        ...siteOf({}),
        [stream]: siteOf({ a: product({ [from]: disk(from) }) })[stream]?.replace("mine", "ours") ?? ""
      }),
      tag: "NotSigned"
    },
    {
      trap: "a size that is another file's",
      site: () => siteOf({ a: product({ [newer]: disk(newer, { size: 7 }) }) }, newer),
      tag: "BytesDiffer"
    },
    {
      trap: "a document without products",
      site: () => ({ ...siteOf({}), [stream]: key.clearsign("{}") }),
      tag: "Unreadable"
    },
    { trap: "no document", site: () => ({ [keyUrl]: key.armored }), tag: "Unreadable" },
    {
      trap: "another digest for the pinned build",
      site: () => siteOf({ a: product({ [from]: disk(from, { sha256: sha256("other") }) }) }),
      tag: "DigestChanged"
    },
    {
      trap: "older builds only",
      site: () => siteOf({ a: product({ "20260101": disk("20260101") }) }),
      tag: "NothingFound"
    }
  ])("change nothing for $trap", ({ site, tag }) =>
    Effect.gen(function* () {
      assert.strictEqual((yield* refusal(sceneOf(), site())).tag, tag)
    })
  )
})
