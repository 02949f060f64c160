import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { Distribution } from "@nix-vm-test/distributions/Distribution"

const decode = Schema.decodeUnknownResult(Distribution, { errors: "all", onExcessProperty: "error" })

const refusal = (distribution: unknown): string =>
  Result.match(decode(distribution), { onSuccess: () => "", onFailure: (error) => error.message })

const image = {
  variant: "generic",
  build: "20260806-2562",
  published: "2026-08-06",
  urls: ["https://images.test/12/20260806-2562/mine-12-amd64.qcow2"],
  digest: { algorithm: "sha256", hex: "ab".repeat(32) },
  size: 1000,
  digestSource: { repository: "owner/name", path: "pins.json", commit: "c".repeat(40), witnesses: 1 }
}

const facts = {
  init: "systemd",
  systemd: 252,
  entry: "tmpfiles",
  ninep: true,
  virtiofs: true,
  rootFilesystem: "ext4",
  lvm: false,
  networkManager: "netplan",
  selinux: "none",
  packageManager: "apt",
  cpuLevel: 1,
  slowUnits: ["slow.timer"]
}

const mine = {
  family: "mine",
  title: "Mine",
  default: "12",
  aliases: { twelve: "12" },
  fileNames: ["mine"],
  frozenArchives: ["https://images.test/vault/"],
  facts,
  releases: { "12": { endOfLife: "2028-06-30", images: { x86_64: image } } }
}

const withRelease = (release: object) => ({ ...mine, releases: { "12": { ...mine.releases["12"], ...release } } })
const withImage = (change: object) => withRelease({ images: { x86_64: { ...image, ...change } } })
const withUrl = (...urls: ReadonlyArray<string>) => withImage({ urls })
const withFacts = (change: object) => withImage({ facts: change })
const other = (version: string) => ({
  images: {
    aarch64: {
      ...image,
      urls: [`https://images.test/${version}/20260806-2562/mine-${version}-arm64.qcow2`],
      digest: { algorithm: "sha256", hex: version.replaceAll(/\D/gu, "").padStart(64, "0") }
    }
  }
})
const withReleases = (...versions: ReadonlyArray<string>) => ({
  ...mine,
  default: versions[0],
  aliases: {},
  releases: Object.fromEntries(versions.map((version) => [version, other(version)]))
})
const base = "https://images.test/12/20260806-2562"

describe("Distribution", () => {
  it.each([
    { what: "a whole file", distribution: mine },
    { what: "both architectures", distribution: withRelease({ images: { x86_64: image, ...other("12").images } }) },
    { what: "several releases from the oldest on", distribution: withReleases("8.10", "9.2", "10.0", "rolling") },
    {
      what: "an address that names the digest",
      distribution: withUrl(`https://images.test/12/${"ab".repeat(32)}/amd64.img`)
    },
    {
      what: "a moving name in a frozen archive",
      distribution: withImage({
        build: "12",
        urls: ["https://images.test/vault/12/mine.latest.x86_64.qcow2"],
        published: undefined
      })
    },
    {
      what: "a build whose parts are apart",
      distribution: withImage({
        build: "12.4.1-r0",
        urls: ["https://images.test/v12/mine-12.4.1-x86_64-uefi-r0.qcow2"],
        published: undefined
      })
    },
    {
      what: "a digest from its publisher",
      distribution: withImage({
        digestSource: { checksums: `${base}/SHA256SUMS`, signedBy: "D2EB", read: "2026-11-24" }
      })
    }
  ])("takes $what", ({ distribution }) => {
    // An absent field is one that JSON does not have.
    assert.strictEqual(refusal(JSON.parse(JSON.stringify(distribution))), "")
  })

  it.each([
    {
      what: "a digest of another algorithm's length",
      wrong: withImage({ digest: { algorithm: "sha512", hex: "ab".repeat(32) } }),
      why: /128 digits/u
    },
    {
      what: "an upper case digest",
      wrong: withImage({ digest: { algorithm: "sha256", hex: "AB".repeat(32) } }),
      why: /hexadecimal/u
    },
    { what: "no address", wrong: withUrl(), why: /urls/u },
    {
      what: "an address without encryption",
      wrong: withUrl(`http://images.test/12/20260806-2562/amd64.qcow2`),
      why: /plain https/u
    },
    { what: "an address with a query", wrong: withUrl(`${base}/amd64.qcow2?x=.qcow2`), why: /plain https/u },
    { what: "an address of no disk image", wrong: withUrl(`${base}/mine-12-amd64.tar.xz`), why: /disk image/u },
    {
      what: "an address without the build",
      wrong: withUrl("https://images.test/12/mine-12-amd64.qcow2"),
      why: /does not name the build/u
    },
    {
      what: "an address of another build",
      wrong: withUrl("https://images.test/12/20260806-25623/mine-12-amd64.qcow2"),
      why: /does not name the build/u
    },
    ...["latest", "current", "daily", "release"].map((word) => ({
      what: `an address below ${word}/`,
      wrong: withUrl(`https://images.test/12/${word}/20260806-2562/mine-12-amd64.qcow2`),
      why: /may change/u
    })),
    { what: "a file called latest", wrong: withUrl(`${base}/mine-12.latest.amd64.qcow2`), why: /may change/u },
    {
      what: "a file without an architecture",
      wrong: withUrl(`${base}/mine-12.qcow2`),
      why: /does not name the architecture x86_64/u
    },
    {
      what: "a file of another architecture",
      wrong: withUrl(`${base}/mine-12-arm64.qcow2`),
      why: /does not name the architecture x86_64/u
    },
    {
      what: "a folder of another architecture",
      wrong: withUrl(`${base}/aarch64/mine-12-amd64.qcow2`),
      why: /names another architecture/u
    },
    ...["amd64v3", "x86_64_v2", "x86_64-v4", "x86-64-v3"].map((level) => ({
      what: `a file for ${level}`,
      wrong: withUrl(`${base}/mine-12-${level}.qcow2`),
      why: /processors of a later level/u
    })),
    {
      what: "a later processor's folder",
      wrong: withUrl(`${base}/x86_64_v2/mine-12-x86_64.qcow2`),
      why: /processors of a later level/u
    },
    {
      what: "a mirror's other file",
      wrong: withUrl(`${base}/mine-12-amd64.qcow2`, `${base}/ours-12-amd64.qcow2`),
      why: /different files/u
    },
    {
      what: "the same address twice",
      wrong: withUrl(`${base}/mine-12-amd64.qcow2`, `${base}/mine-12-amd64.qcow2`),
      why: /is there twice/u
    },
    {
      what: "an address of another release",
      wrong: withUrl("https://images.test/13/20260806-2562/mine-13-amd64.qcow2"),
      why: /does not name the release 12/u
    },
    {
      what: "another day than the build's",
      wrong: withImage({ published: "2026-08-07" }),
      why: /published on 2026-08-06, not 2026-08-07/u
    },
    {
      what: "a dated build without a day",
      wrong: JSON.parse(JSON.stringify(withImage({ published: undefined }))),
      why: /unknown day/u
    },
    { what: "a day that does not exist", wrong: withRelease({ endOfLife: "2026-13-01" }), why: /expected a date/u },
    { what: "a size of nothing", wrong: withImage({ size: 0 }), why: /size/u },
    { what: "a digest from nowhere", wrong: withImage({ digestSource: { witnesses: 1 } }), why: /digestSource/u },
    {
      what: "a digest's source without a commit",
      wrong: withImage({ digestSource: { repository: "a/b", path: "c", commit: "main", witnesses: 2 } }),
      why: /digestSource/u
    },
    { what: "a misspelt field", wrong: withImage({ sise: 3 }), why: /sise/u },
    {
      what: "an unknown architecture",
      wrong: withRelease({ images: { x86_64: image, riscv64: image } }),
      why: /riscv64/u
    },
    { what: "a release without images", wrong: withRelease({ images: {} }), why: /an image at least/u },
    {
      what: "the same image for two releases",
      wrong: { ...withReleases("12", "13"), releases: { "12": other("12"), "13": other("12") } },
      why: /is there twice/u
    },
    { what: "a newer release before an older one", wrong: withReleases("9.2", "8.10"), why: /from the oldest on/u },
    { what: "a rolling release before others", wrong: withReleases("rolling", "8.10"), why: /from the oldest on/u },
    { what: "a recommended release that is not there", wrong: { ...mine, default: "13" }, why: /no release 13/u },
    { what: "an alias of nothing", wrong: { ...mine, aliases: { thirteen: "13" } }, why: /no release 13/u },
    { what: "an alias that is a release", wrong: { ...mine, aliases: { "12": "12" } }, why: /is a release itself/u },
    {
      what: "a major that is not its newest minor",
      wrong: { ...withReleases("9.1", "9.2"), aliases: { "9": "9.1" } },
      why: /the newest 9 is 9\.2, not 9\.1/u
    },
    { what: "a fact that is missing", wrong: { ...mine, facts: { ...facts, lvm: undefined } }, why: /lvm/u },
    { what: "an unknown network manager", wrong: withFacts({ networkManager: "wicked" }), why: /networkManager/u },
    {
      what: "credentials for a systemd that can't",
      wrong: withFacts({ systemd: 255, entry: "credential" }),
      why: /systemd 255 is older than 256/u
    },
    {
      what: "tmpfiles for a systemd that can't",
      wrong: withFacts({ systemd: 251 }),
      why: /systemd 251 is older than 252/u
    },
    {
      what: "units without systemd",
      wrong: { ...mine, facts: { ...facts, init: "openrc" } },
      why: /openrc has no units/u
    },
    {
      what: "credentials without systemd",
      wrong: {
        ...mine,
        facts: {
          init: "openrc",
          ...Object.fromEntries(Object.entries(facts).filter(([name]) => name !== "systemd" && name !== "init")),
          slowUnits: []
        }
      },
      why: /without systemd/u
    }
  ])("refuses $what", ({ wrong, why }) => assert.match(refusal(wrong), why))

  it("says where it is wrong, of everything at once", () => {
    const message = refusal({ ...withImage({ published: "2026-08-07" }), default: "13" })
    assert.match(message, /\["default"\]/u)
    assert.match(message, /\["releases"\]\["12"\]\["images"\]\["x86_64"\]/u)
  })
})
