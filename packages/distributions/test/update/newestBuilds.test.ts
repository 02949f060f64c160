import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Site } from "./publisherServer.ts"
import { pin, refusal, type Scene, sha256, update } from "./updateScene.ts"

const host = "https://images.test"
const at = (minor: number, architecture: string) => `/templates/M9/u${minor}/${architecture}/`
const fileOf = (build: string, minor = 8) => `M9U${minor}_x86_64-kvm-${build}.qcow2`
const armFileOf = (build: string) => `M9U8_aarch64-kvm-cloud-${build}.qcow2`
const digestOf = (file: string) => ({ algorithm: "sha256", hex: sha256(file) }) as const

const scene: Scene = {
  publisher: {
    _tag: "NewestBuilds",
    build: String.raw`b\d+`,
    documents: { x86_64: `${host}/m{major}.json`, aarch64: `${host}/m{major}_aarch64-cloud.json` }
  },
  version: "9.8",
  images: {
    x86_64: pin({ build: "b99", urls: [`${host}${at(8, "x86_64")}${fileOf("b99")}`], digest: digestOf(fileOf("b99")) }),
    aarch64: pin({
      build: "b95",
      urls: [`${host}${at(8, "aarch64")}${armFileOf("b95")}`],
      digest: digestOf(armFileOf("b95"))
    })
  }
}

/** A document and the file that it is of. */
const newest = (address: string, base: string, image: string): Site => ({
  [`${host}${address}`]: JSON.stringify({
    base_url: base,
    kvm: { image, sha256: sha256(image) },
    vagrant: { image: "x.box" }
  }),
  [`${host}${base}${image}`]: image
})
const x86 = (image: string, minor = 8) => newest("/m9.json", at(minor, "x86_64"), image)
const arm = (image: string) => newest("/m9_aarch64-cloud.json", at(8, "aarch64"), image)

describe("documents of newest builds", () => {
  it.live.each([
    {
      what: "a newer build, by its number",
      site: { ...x86(fileOf("b100")), ...arm(armFileOf("b95")) },
      changes: ["x86_64 renewed b100", "aarch64 confirmed b95"]
    },
    {
      what: "an older build",
      site: { ...x86(fileOf("b98")), ...arm(armFileOf("b95")) },
      changes: ["x86_64 vanished b99", "aarch64 confirmed b95"]
    },
    {
      what: "the next minor release",
      site: { ...x86(fileOf("b100", 9), 9), ...arm(armFileOf("b96")) },
      changes: ["x86_64 vanished b99", "aarch64 renewed b96"]
    },
    {
      what: "the next minor's folder with this one's file",
      site: { ...x86(fileOf("b100"), 9), ...arm(armFileOf("b95")) },
      changes: ["x86_64 vanished b99", "aarch64 confirmed b95"]
    },
    {
      what: "a file with another suffix",
      site: { ...x86("M9U8_x86_64-kvm-cloud-b100.qcow2"), ...arm(armFileOf("b95")) },
      changes: ["x86_64 vanished b99", "aarch64 confirmed b95"]
    }
  ])("are understood where they tell of $what", ({ site, changes }) =>
    Effect.gen(function* () {
      const updated = yield* update(scene, site)
      assert.deepStrictEqual(updated.changes, changes)
    })
  )

  it.live.each([
    {
      what: "another host's file",
      text: JSON.stringify({
        base_url: "https://elsewhere.test/",
        kvm: { image: fileOf("b100"), sha256: "0".repeat(64) }
      }),
      tag: "NothingFound"
    },
    {
      what: "a digest of another length",
      text: JSON.stringify({ base_url: at(8, "x86_64"), kvm: { image: fileOf("b100"), sha256: "00" } }),
      tag: "Unreadable"
    },
    { what: "no JSON", text: "<html>", tag: "Unreadable" }
  ])("change nothing for $what", ({ text, tag }) =>
    Effect.gen(function* () {
      const { x86_64 } = scene.images
      const only: Scene = { ...scene, images: x86_64 === undefined ? {} : { x86_64 } }
      assert.strictEqual((yield* refusal(only, { [`${host}/m9.json`]: text })).tag, tag)
    })
  )
})
