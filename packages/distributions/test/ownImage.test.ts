import { assert, describe, it } from "@effect/vitest"
import type { ImageReference } from "@nix-vm-test/core/spec/ImageReference"
import { resolveReference } from "@nix-vm-test/distributions/Catalog"
import * as Effect from "effect/Effect"

const resolve = (reference: ImageReference) => resolveReference(reference, "x86_64")
const named = (name: string) => resolve({ _tag: "Named", name })

describe("users' own images", () => {
  it.effect("are those of any cloud image where nothing is known", () =>
    Effect.gen(function* () {
      const image = yield* resolve({ _tag: "File", path: "/images/my.raw" })
      assert.deepInclude(image, { id: "my.raw", family: "generic", version: "", format: "raw" })
      assert.deepStrictEqual(image.sources, [{ _tag: "File", path: "/images/my.raw" }])
      assert.deepInclude(image.facts, { entry: "nocloud", ninep: false, virtiofs: false })
    })
  )

  it.effect.each(["archive.qcow2", "old-disk-12.img", "my-debian-12.qcow2"])("%s tells nothing", (file) =>
    Effect.gen(function* () {
      const image = yield* resolve({ _tag: "File", path: `/debian-12/${file}` })
      assert.deepInclude(image, { family: "generic", version: "" })
    })
  )

  it.effect("a number that is not its distribution's is no version", () =>
    Effect.gen(function* () {
      const image = yield* resolve({ _tag: "File", path: "/images/Arch-Linux-x86_64-cloudimg-20261001.604814.qcow2" })
      assert.deepInclude(image, { family: "arch", version: "" })
    })
  )

  it.effect.each([
    { file: "debian-12-generic-amd64.qcow2", family: "debian", version: "12", like: "debian:12" },
    { file: "noble-server-cloudimg-amd64.img", family: "ubuntu", version: "noble", like: "ubuntu:24.04" },
    { file: "ubuntu-22.04-server-cloudimg-amd64.img", family: "ubuntu", version: "22.04", like: "ubuntu:22.04" },
    { file: "Fedora-Cloud-Base-Generic-43-1.6.x86_64.qcow2", family: "fedora", version: "43", like: "fedora:43" },
    { file: "Rocky-8-GenericCloud.latest.x86_64.qcow2", family: "rocky", version: "8", like: "rocky:8.10" },
    {
      file: "AlmaLinux-9-GenericCloud-9.8-20260526.x86_64.qcow2",
      family: "almalinux",
      version: "9",
      like: "almalinux:9"
    },
    {
      file: "CentOS-Stream-GenericCloud-10-20260720.0.x86_64.qcow2",
      family: "centos-stream",
      version: "10",
      like: "centos-stream:10"
    },
    { file: "OL9U8_x86_64-kvm-b293.qcow2", family: "oraclelinux", version: "9", like: "oraclelinux:9" },
    {
      file: "openSUSE-Tumbleweed-Minimal-VM.x86_64-Cloud.qcow2",
      family: "opensuse",
      version: "tumbleweed",
      like: "opensuse:tumbleweed"
    },
    {
      file: "nocloud_alpine-3.23.4-x86_64-uefi-cloudinit-r0.qcow2",
      family: "alpine",
      version: "3.23",
      like: "alpine:3.23"
    }
  ])("$file has the facts of $like", ({ file, family, version, like }) =>
    Effect.gen(function* () {
      const image = yield* resolve({ _tag: "File", path: `/images/${file}` })
      assert.deepInclude(image, { id: file, family, version })
      assert.deepStrictEqual(image.facts, (yield* named(like)).facts)
    })
  )

  it.effect("a release that is not listed gets what holds for its distribution", () =>
    Effect.gen(function* () {
      const image = yield* resolve({ _tag: "File", path: "/images/debian-14-generic-amd64.qcow2" })
      assert.deepInclude(image, { family: "debian", version: "14" })
      assert.deepInclude(image.facts, { entry: "nocloud", packageManager: "apt" })
    })
  )

  it.effect("what the user says comes before the file's name", () =>
    Effect.gen(function* () {
      const path = "/images/debian-12.qcow2"
      const told = yield* resolve({ _tag: "File", path, family: "ubuntu", version: "24_04" })
      assert.deepStrictEqual(told.facts, (yield* named("ubuntu:24.04")).facts)
      const foreign = yield* resolve({ _tag: "File", path, family: "haiku" })
      assert.deepInclude(foreign, { family: "haiku", version: "" })
      assert.deepInclude(foreign.facts, { entry: "nocloud", virtiofs: false })
    })
  )

  it.effect("a URL is pinned by its digest", () =>
    Effect.gen(function* () {
      const url = "https://images.test/debian-13.qcow2"
      const digest = { algorithm: "sha256", hex: "ab".repeat(32) } as const
      const image = yield* resolve({ _tag: "Url", url, digest })
      assert.deepStrictEqual(image.sources, [{ _tag: "Pinned", urls: [url], digest }])
      assert.deepInclude(image, { id: "debian-13.qcow2", family: "debian", version: "13" })
    })
  )
})
