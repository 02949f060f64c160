/** Publishers with files of checksums, and each trap that has caught an updater of images before. */
import { assert, describe, it } from "@effect/vitest"
import type { ChecksumFiles } from "@nix-vm-test/distributions/update/Publisher"
import * as Effect from "effect/Effect"
import type { Site } from "./publisherServer.ts"
import { pin, refusal, type Scene, sha256, sha512, update } from "./updateScene.ts"

const origin = "https://images.test/mine/"
const mirror = "https://mirror.test/mine/"
const old = "20260806-2562"
const next = "20261001-2618"

const nameOf = (build: string, architecture = "amd64") => `mine-12-generic-${architecture}-${build}.qcow2`
const bytesOf = (build: string, architecture = "amd64") => `disk of ${build} for ${architecture}`

/** A folder of a build, with all that a publisher puts into it. */
const folder = (build: string, architectures: ReadonlyArray<string> = ["amd64", "arm64"]): Site => {
  const at = `${origin}12/${build}/`
  const files = architectures.map(
    (architecture) => [nameOf(build, architecture), bytesOf(build, architecture)] as const
  )
  return {
    ...Object.fromEntries(files.map(([name, bytes]) => [`${at}${name}`, bytes])),
    [`${at}SHA512SUMS`]: files.map(([name, bytes]) => `${sha512(bytes)}  ${name}\n`).join("")
  }
}

const publisher: ChecksumFiles = {
  _tag: "ChecksumFiles",
  origins: [origin],
  build: String.raw`\d{8}-\d+`,
  checksums: "SHA512SUMS"
}

const pinned = (architecture: string, hex = sha512(bytesOf(old, architecture))) =>
  pin({
    build: old,
    urls: [`${origin}12/${old}/${nameOf(old, architecture)}`, `${mirror}12/${old}/${nameOf(old, architecture)}`],
    digest: { algorithm: "sha512", hex }
  })

const scene: Scene = { publisher, version: "12", images: { x86_64: pinned("amd64"), aarch64: pinned("arm64") } }
const x86Only: Scene = { ...scene, images: { x86_64: pinned("amd64") } }

const sumsOf = (build: string) => `${origin}12/${build}/SHA512SUMS`
const imageOf = (build: string) => `${origin}12/${build}/${nameOf(build)}`

describe("checksum files", () => {
  it.live("give a newer build its place in both rows, with everything that is known of it", () =>
    Effect.gen(function* () {
      const { changes, pins } = yield* update(scene, { ...folder(old), ...folder(next) })
      assert.deepStrictEqual(changes, [`x86_64 renewed ${next}`, `aarch64 renewed ${next}`])
      const pinnedNow = pins?.x86_64
      assert.deepStrictEqual(
        { ...pinnedNow, digestSource: undefined },
        {
          variant: "generic",
          build: next,
          published: "2026-10-01",
          urls: [imageOf(next), imageOf(next).replace(origin, mirror)],
          digest: { algorithm: "sha512", hex: sha512(bytesOf(next)) },
          size: bytesOf(next).length,
          digestSource: undefined
        }
      )
      assert.deepInclude(pinnedNow?.digestSource, { checksums: sumsOf(next) })
    })
  )

  it.live.each([
    {
      trap: "folders that are moving, daily or called otherwise",
      site: {
        ...folder(old),
        ...Object.fromEntries(
          ["latest", "daily", "20991231-9999-test", "daily/20991231-9999", "2099-12-31"].flatMap((build) =>
            Object.entries(folder(build))
          )
        )
      },
      changes: [`x86_64 confirmed ${old}`, `aarch64 confirmed ${old}`]
    },
    {
      trap: "an index that went back to older builds",
      site: { ...folder("20260101-1"), ...folder(old) },
      changes: [`x86_64 confirmed ${old}`, `aarch64 confirmed ${old}`]
    },
    {
      trap: "an index of older builds only",
      site: { ...folder("20260101-1"), ...folder(old, ["arm64"]) },
      changes: [`x86_64 vanished ${old}`, `aarch64 confirmed ${old}`]
    },
    {
      trap: "dates that sort otherwise as text",
      site: { ...folder("20261001-9"), ...folder("20261001-10") },
      changes: ["x86_64 renewed 20261001-10", "aarch64 renewed 20261001-10"]
    },
    {
      trap: "a newest build that lacks an architecture",
      site: { ...folder(old), ...folder("20260901-2600"), ...folder(next, ["arm64"]) },
      changes: ["x86_64 renewed 20260901-2600", `aarch64 renewed ${next}`]
    },
    {
      trap: "a file for later processors beside the plain one",
      site: { ...folder(old), ...folder(next, ["amd64v3", "arm64"]) },
      changes: [`x86_64 confirmed ${old}`, `aarch64 renewed ${next}`]
    },
    {
      trap: "a build without checksums yet",
      site: { ...folder(old), [imageOf(next)]: bytesOf(next) },
      changes: [`x86_64 confirmed ${old}`, `aarch64 confirmed ${old}`]
    },
    {
      trap: "a pruned build, of which only a newer one is left",
      site: folder(next),
      changes: [`x86_64 renewed ${next}`, `aarch64 renewed ${next}`]
    }
  ])("are not deceived by $trap", ({ site, changes }) =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* update(scene, site)).changes, changes)
    })
  )

  const renewedSums = (text: string): Site => ({ ...folder(old), ...folder(next), [sumsOf(next)]: text })

  it.live.each([
    {
      trap: "another digest for a build that is pinned",
      site: { ...folder(old), [sumsOf(old)]: `${"0".repeat(128)}  ${nameOf(old)}` },
      tag: "DigestChanged",
      why: /mine:12 \(x86_64, 20260806-2562\).*sha512:0000/u
    },
    {
      trap: "checksums that are older than the image",
      site: renewedSums(`${"1".repeat(128)}  ${nameOf(next)}`),
      tag: "BytesDiffer",
      why: /sha512:1111.*but gave \d+ bytes/u
    },
    {
      trap: "a size that is another image's",
      site: renewedSums(`# ${nameOf(next)}: 7 bytes\n${sha512(bytesOf(next))}  ${nameOf(next)}`),
      tag: "BytesDiffer",
      why: /7 bytes/u
    },
    {
      trap: "two digests for one name",
      site: renewedSums(`${"1".repeat(128)}  ${nameOf(next)}\n${"2".repeat(128)}  ${nameOf(next)}`),
      tag: "Unreadable",
      why: /two digests/u
    },
    {
      trap: "a digest of a wrong length",
      site: renewedSums(`${"1".repeat(127)}  ${nameOf(next)}`),
      tag: "Unreadable",
      why: /127 digits/u
    },
    {
      trap: "checksums that a mirror gives",
      site: { ...folder(old), [sumsOf(old)]: { status: 302, location: "https://mirror.test/SHA512SUMS" } },
      tag: "Redirected",
      why: /leads to https:\/\/mirror\.test/u
    },
    {
      trap: "checksums without encryption",
      site: { ...folder(old), [sumsOf(old)]: { status: 301, location: "http://images.test/SHA512SUMS" } },
      tag: "Redirected",
      why: /leads to http:/u
    },
    {
      trap: "an image that is announced and not there",
      site: { ...folder(next), [imageOf(next)]: { status: 404 } },
      tag: "Unreachable",
      why: /HTTP status 404/u
    },
    {
      trap: "pages that are all new",
      site: { [`${origin}12/index.html`]: "" },
      tag: "NothingFound",
      why: /Mine's images/u
    },
    {
      trap: "addresses that turn in a circle",
      site: { ...folder(old), [sumsOf(old)]: { status: 302, location: "SHA512SUMS" } },
      tag: "Unreachable",
      why: /from one address to the next/u
    }
  ])("change nothing for $trap", ({ site, tag, why }) =>
    Effect.gen(function* () {
      const refused = yield* refusal(x86Only, site)
      assert.strictEqual(refused.tag, tag)
      assert.match(refused.message, why)
    })
  )

  it.live("are read within the host that was asked, wherever that puts them", () =>
    Effect.gen(function* () {
      const moved = `${origin}sums/${old}`
      const site = { ...folder(old), [sumsOf(old)]: { status: 302, location: "/mine/sums/20260806-2562" } }
      const { changes } = yield* update(x86Only, { ...site, [moved]: `${sha512(bytesOf(old))}  ${nameOf(old)}` })
      assert.deepStrictEqual(changes, [`x86_64 confirmed ${old}`])
    })
  )

  it.live("are tried again where the publisher is busy", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const refused = yield* Effect.flip(update(x86Only, { ...folder(old), [sumsOf(old)]: { status: 503 } }, asked))
      assert.match(refused.message, /HTTP status 503/u)
      assert.strictEqual(asked.filter((url) => url === sumsOf(old)).length, 3)
    })
  )

  it.live("are compared where they say what is pinned already, and nothing is written anew", () =>
    Effect.gen(function* () {
      const digestSource = { checksums: sumsOf(old), read: "2026-08-07" }
      const known = { ...x86Only, images: { x86_64: { ...pinned("amd64"), digestSource } } }
      const { changes, pins } = yield* update(known, folder(old))
      assert.deepStrictEqual(changes, [`x86_64 current ${old}`])
      assert.deepStrictEqual(pins, known.images)
    })
  )

  it.live("can't be compared with a digest of another algorithm", () =>
    Effect.gen(function* () {
      const digest = { algorithm: "sha256", hex: sha256(bytesOf(old)) } as const
      const images = { x86_64: { ...pinned("amd64"), digest } }
      const { changes, pins } = yield* update({ ...x86Only, images }, folder(old))
      assert.deepStrictEqual(changes, [`x86_64 uncompared ${old}`])
      assert.deepStrictEqual(pins, images)
    })
  )

  it.live("are not looked for below addresses that are not the publisher's", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const [first, second = first] = pinned("amd64").urls
      const images = { x86_64: { ...pinned("amd64"), urls: [second, first] as const } }
      assert.deepStrictEqual((yield* update({ ...x86Only, images }, folder(old), asked)).changes, [
        `x86_64 confirmed ${old}`
      ])
      assert.isTrue(asked.length > 0 && asked.every((url) => url.startsWith(origin)))
    })
  )
})

describe("checksum files of a folder with all builds", () => {
  const at = "https://images.test/9.8/images/x86_64/"
  const file = (build: string) => `Mine-9-9.8-${build}.x86_64.qcow2`
  const from = "20260526.0"
  const flat: Scene = {
    publisher: {
      _tag: "ChecksumFiles",
      origins: ["https://images.test/"],
      build: String.raw`\d{8}\.\d+`,
      checksums: "{file}.SHA256SUM"
    },
    version: "9.8",
    images: {
      x86_64: pin({ build: from, urls: [`${at}${file(from)}`], digest: { algorithm: "sha256", hex: sha256(from) } })
    }
  }
  const filesOf = (...builds: ReadonlyArray<string>): Site =>
    Object.fromEntries(
      builds.flatMap((build) => [
        [`${at}${file(build)}`, build],
        [`${at}${file(build)}.SHA256SUM`, `SHA256 (${file(build)}) = ${sha256(build)}\n`]
      ])
    )

  it.live.each([
    { what: "a respin of the day", builds: [from, "20260526.1"], changes: ["x86_64 renewed 20260526.1"] },
    {
      what: "the newest of several",
      builds: [from, "20260901.0", "20261001.0"],
      changes: ["x86_64 renewed 20261001.0"]
    },
    {
      what: "the same one, beside one of another shape",
      builds: [from, "latest", "20261001"],
      changes: [`x86_64 confirmed ${from}`]
    }
  ])("take $what", ({ builds, changes }) =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* update(flat, filesOf(...builds))).changes, changes)
    })
  )

  it.live("find a release where its publisher has moved it, into an archive", () =>
    Effect.gen(function* () {
      const archived = `https://images.test/vault/9.8/images/x86_64/${file(from)}`
      const [first] = flat.images.x86_64?.urls ?? [""]
      const images = {
        x86_64: pin({ build: from, urls: [first, archived], digest: { algorithm: "sha256", hex: sha256(from) } })
      }
      const site = { [`${archived}.SHA256SUM`]: `SHA256 (${file(from)}) = ${sha256(from)}` }
      const { changes, pins } = yield* update({ ...flat, images }, site)
      assert.deepStrictEqual(changes, [`x86_64 moved ${from}`])
      assert.deepStrictEqual(pins?.x86_64?.urls, [archived, first])
    })
  )

  it.live("are looked up by a pattern where their names differ from release to release", () =>
    Effect.gen(function* () {
      const oneBuild: Scene = {
        ...flat,
        publisher: { _tag: "ChecksumFiles", origins: ["https://images.test/"], checksums: "Mine-*-CHECKSUM" }
      }
      const site: Site = {
        ...filesOf("20261001.0"),
        [`${at}Mine-Other-CHECKSUM`]: `SHA256 (other) = ${sha256("other")}`,
        [`${at}Mine-9.8-x86_64-CHECKSUM`]: `SHA256 (${file(from)}) = ${sha256(from)}`
      }
      const { changes, pins } = yield* update(oneBuild, site)
      assert.deepStrictEqual(changes, [`x86_64 confirmed ${from}`])
      assert.deepInclude(pins?.x86_64?.digestSource, { checksums: `${at}Mine-9.8-x86_64-CHECKSUM` })
    })
  )
})

describe("checksum files of a folder of the newest build", () => {
  const folders = "https://images.test/os-images/"
  const file = (build: string, architecture: string) => `mine-kvm-${build}-${architecture}.qcow2`
  const from = "2023.11.20260406.2"
  const imageAt = (build: string, place: string, architecture: string) =>
    `${folders}${build}/${place}/${file(build, architecture)}`
  const scene: Scene = {
    publisher: {
      _tag: "ChecksumFiles",
      origins: [folders],
      build: String.raw`2023\.\d+\.\d{8}\.\d+`,
      newest: "latest",
      checksums: "SHA256SUMS"
    },
    version: "2023",
    images: {
      x86_64: pin({
        build: from,
        urls: [imageAt(from, "kvm", "x86_64")],
        digest: { algorithm: "sha256", hex: sha256("x86_64") }
      }),
      aarch64: pin({
        build: from,
        urls: [imageAt(from, "kvm-arm64", "arm64")],
        digest: { algorithm: "sha256", hex: sha256("arm64") }
      })
    }
  }
  const sums = (build: string, architecture: string, content: string) =>
    `${sha256(content)}  ${file(build, architecture)}\n`

  it.live("pin the build's own folder; architectures may differ", () =>
    Effect.gen(function* () {
      const newer = "2023.12.20261001.0"
      const { changes, pins } = yield* update(scene, {
        [`${folders}latest/kvm/SHA256SUMS`]: sums(newer, "x86_64", "new"),
        [`${folders}latest/kvm-arm64/SHA256SUMS`]: sums(from, "arm64", "arm64"),
        [`${folders}${newer}/kvm/SHA256SUMS`]: sums(newer, "x86_64", "new"),
        [imageAt(newer, "kvm", "x86_64")]: "new",
        [`${folders}${from}/kvm-arm64/SHA256SUMS`]: sums(from, "arm64", "arm64")
      })
      assert.deepStrictEqual(changes, [`x86_64 renewed ${newer}`, `aarch64 confirmed ${from}`])
      assert.deepStrictEqual(pins?.x86_64?.urls, [imageAt(newer, "kvm", "x86_64")])
    })
  )
})

describe("releases that the registry does not have", () => {
  const listing = "https://images.test/releases/"
  const told: Scene = {
    ...x86Only,
    publisher: { ...publisher, releases: { listing, name: String.raw`(\d+(?:\.\d+)?)` } }
  }

  it.live("are told where they are newer, by their numbers, but for betas", () =>
    Effect.gen(function* () {
      const names = ["9", "11", "12", "12.1", "13", "14_Beta", "15-RC", "test", "100"]
      const site = Object.fromEntries(names.map((name) => [`${listing}${name}/x`, ""]))
      const { newReleases } = yield* update(told, { ...folder(old), ...site })
      assert.deepStrictEqual(newReleases, ["12.1", "13", "100"])
    })
  )

  it.live("can't be missed where their listing is gone", () =>
    Effect.gen(function* () {
      assert.match((yield* refusal(told, folder(old))).message, /releases\/ is not what was expected/u)
    })
  )
})
