import { assert, describe, it } from "@effect/vitest"
import { buildPlace, compareBuilds, renewedUrl } from "@nix-vm-test/distributions/update/builds"
import { listingIn } from "@nix-vm-test/distributions/update/listingIn"
import type { PublishedImage } from "@nix-vm-test/distributions/Distribution"

const image = (build: string, url: string): PublishedImage => ({
  variant: "any",
  build,
  urls: [url],
  digest: { algorithm: "sha256", hex: "ab".repeat(32) },
  digestSource: { witnesses: 2 }
})

describe("compareBuilds", () => {
  it.each([
    { what: "days", builds: ["20260801", "20260901", "20261001"] },
    { what: "builds of a day", builds: ["20260801-9", "20260801-10"] },
    { what: "respins", builds: ["20260801", "20260801.1", "20260801.2", "20260801.10", "20260802"] },
    { what: "numbers, not texts", builds: ["b99", "b100"] },
    { what: "versions", builds: ["3.9.7-r1", "3.10.0-r0", "3.10.0-r1"] }
  ])("orders $what", ({ builds }) => {
    assert.deepStrictEqual(builds.toReversed().toSorted(compareBuilds), builds)
    for (const build of builds) assert.strictEqual(compareBuilds(build, build), 0)
  })
})

const debian = "https://images.test/bookworm/20260806-2562/debian-12-generic-amd64-20260806-2562.qcow2"
const alma = "https://images.test/9.8/images/Alma-9-9.8-20260526.x86_64.qcow2"
const alpine = "https://images.test/v3.24/nocloud_alpine-3.24.1-x86_64-uefi-r0.qcow2"

describe("renewedUrl", () => {
  it.each([
    {
      url: debian,
      from: "20260806-2562",
      to: "20261001-2618",
      renewed: debian.replaceAll("20260806-2562", "20261001-2618")
    },
    {
      url: alpine,
      from: "3.24.1-r0",
      to: "3.24.2-r3",
      renewed: alpine.replace("3.24.1", "3.24.2").replace("r0", "r3")
    },
    {
      url: "https://b1.images.test/u1/mine-b1.qcow2",
      from: "b1",
      to: "b2",
      renewed: "https://b1.images.test/u1/mine-b2.qcow2"
    }
  ])("puts $to in place of $from", ({ url, from, to, renewed }) =>
    assert.strictEqual(renewedUrl(url, from, to), renewed)
  )
})

describe("buildPlace", () => {
  const entries = (build: string, url: string, pattern: string, names: ReadonlyArray<string>) => {
    const place = buildPlace(image(build, url), url, pattern)
    return { folder: place?.folder, builds: names.map((name) => place?.buildOf(name)) }
  }

  it("finds folders of builds, by their whole name", () =>
    assert.deepStrictEqual(
      entries("20260806-2562", debian, String.raw`\d{8}-\d+`, [
        "20261001-2618",
        "20260806-2562",
        "latest",
        "daily",
        "20261001-2618-test",
        "old-20261001-2618",
        "2026100-1"
      ]),
      {
        folder: "https://images.test/bookworm/",
        builds: ["20261001-2618", "20260806-2562", undefined, undefined, undefined, undefined, undefined]
      }
    ))

  it("finds files of the same architecture, release and variant only", () =>
    assert.deepStrictEqual(
      entries("20260526", alma, String.raw`\d{8}(?:\.\d+)?`, [
        "Alma-9-9.8-20260810.x86_64.qcow2",
        "Alma-9-9.8-20260810.1.x86_64.qcow2",
        "Alma-9-9.8-20260810.x86_64_v2.qcow2",
        "Alma-9-9.8-20260810.aarch64.qcow2",
        "Alma-9-9x8-20260810.x86_64.qcow2",
        "Alma-9-9.9-20260810.x86_64.qcow2",
        "Alma-9-latest.x86_64.qcow2",
        "Alma-9-9.8-20260810.x86_64.qcow2.sha256"
      ]),
      { folder: "https://images.test/9.8/images/", builds: ["20260810", "20260810.1", ...Array(6).fill(undefined)] }
    ))

  it("finds builds whose parts are apart", () =>
    assert.deepStrictEqual(
      entries("3.24.1-r0", alpine, String.raw`\d+\.\d+\.\d+-r\d+`, [
        "nocloud_alpine-3.24.2-x86_64-uefi-r1.qcow2",
        "nocloud_alpine-3.24.2-x86_64-bios-r1.qcow2",
        "generic_alpine-3.24.2-x86_64-uefi-r1.qcow2"
      ]),
      { folder: "https://images.test/v3.24/", builds: ["3.24.2-r1", undefined, undefined] }
    ))

  it("has no place for an address without the build", () =>
    assert.isUndefined(buildPlace(image("7", alma), "https://images.test/latest.qcow2", "7")))
})

describe("listingIn", () => {
  it("reads names, and not what else is a link", () =>
    assert.deepStrictEqual(
      listingIn(`<a href="?C=M;O=D">sort</a> <a href="../">up</a> <a href="/root/">root</a> <a href="//host/x">host</a>
        <A HREF='20260101-1/'>20260101-1/</A> <a class="x" href="./a%2Bb.qcow2">a+b</a> <a href="#top">top</a>
        <a href="https://elsewhere.test/20990101-1/">x</a> <a href="mailto:us@publisher.test">us</a>
        <a href="20260101-1">again</a> <a href="deep/er/">deeper</a> <a href="100%.img">odd</a>`),
      ["20260101-1", "a+b.qcow2", "100%.img"]
    ))
})
