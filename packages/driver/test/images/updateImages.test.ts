/** `images update` as maintainers call it: on a registry of the test's own, whose publisher answers by https. */
import { createHash } from "node:crypto"
import * as fs from "node:fs"
import * as path from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "@effect/vitest"
import { Workplace } from "../faults/Workplace.ts"
import { publisherProxy, type PublisherProxy } from "./publisherProxy.ts"

const host = "images.publisher.test"
const sha256 = (content: string): string => createHash("sha256").update(content).digest("hex")
const nameOf = (build: string) => `mine-12-amd64-${build}.qcow2`
const from = "20260101-1"
const to = "20261001-2"

const distribution = (family: string, origin: string, content: string) => ({
  family,
  title: "Mine",
  default: "12",
  aliases: {},
  fileNames: [family],
  publisher: {
    _tag: "ChecksumFiles",
    releases: { listing: `https://${origin}/releases/`, name: String.raw`(\d+)` },
    origins: [`https://${origin}/`],
    build: String.raw`\d{8}-\d+`,
    checksums: "SHA256SUMS"
  },
  facts: {
    init: "systemd",
    entry: "nocloud",
    ninep: true,
    virtiofs: true,
    rootFilesystem: "ext4",
    lvm: false,
    networkManager: "netplan",
    selinux: "none",
    packageManager: "apt",
    cpuLevel: 1,
    slowUnits: []
  },
  releases: {
    "12": {
      images: {
        x86_64: {
          variant: "generic",
          build: from,
          published: "2026-01-01",
          urls: [`https://${origin}/12/${from}/${nameOf(from)}`],
          digest: { algorithm: "sha256", hex: sha256(content) },
          digestSource: { witnesses: 2 }
        }
      }
    }
  }
})

const files = {
  "/12/": `<a href="${from}/">${from}</a> <a href="${to}/">${to}</a> <a href="latest/">latest</a>`,
  "/releases/": '<a href="12/">12</a> <a href="13/">13</a>',
  [`/12/${from}/SHA256SUMS`]: `${sha256("old")}  ${nameOf(from)}\n`,
  [`/12/${to}/SHA256SUMS`]: `${sha256("new")}  ${nameOf(to)}\n`,
  [`/12/${to}/${nameOf(to)}`]: "new"
}

let place: Workplace
let proxy: PublisherProxy
let registry: string
beforeEach(async () => {
  place = new Workplace()
  registry = path.join(place.folder, "registry")
  fs.mkdirSync(registry)
  write("mine", host)
  proxy = await publisherProxy({ folder: place.folder, host, files })
})
afterEach(() => {
  proxy.close()
  place.remove()
})

const write = (family: string, origin: string, content = "old") =>
  fs.writeFileSync(
    path.join(registry, `${family}.json`),
    `${JSON.stringify(distribution(family, origin, content), undefined, 2)}\n`
  )
const read = (family: string): string => fs.readFileSync(path.join(registry, `${family}.json`), "utf8")

const update = (...args: ReadonlyArray<string>) =>
  place.run(["images", "update", "--registry", registry, ...args], { env: proxy.env })

// Each starts the command several times.
describe("nix-vm-test images update", { timeout: 120_000 }, () => {
  it("checks first, then renews, then has nothing to do", async () => {
    const before = read("mine")
    const checked = await update("--check")
    assert.strictEqual(checked.exitCode, 1, checked.stderr)
    assert.match(checked.stdout, new RegExp(`^mine:12 +x86_64 +${from} → ${to} +newer build$`, "mu"))
    assert.match(checked.stdout, /^Would change: mine\.json; 0 of 1 images are as published\.$/mu)
    assert.strictEqual(read("mine"), before)

    const renewed = await update("mine")
    assert.strictEqual(renewed.exitCode, 0, renewed.stderr)
    assert.match(renewed.stdout, /^mine: the registry does not have 13$/mu)
    assert.match(renewed.stdout, /^Changed: mine\.json/mu)
    assert.match(renewed.stderr, /mine-12-amd64-20261001-2\.qcow2.*downloaded to be compared/u)
    const image = JSON.parse(read("mine")).releases["12"].images.x86_64
    assert.deepInclude(image, { build: to, size: 3, urls: [`https://${host}/12/${to}/${nameOf(to)}`] })
    assert.strictEqual(image.digest.hex, sha256("new"))

    const again = await update("--check", "--json")
    assert.strictEqual(again.exitCode, 0, again.stderr)
    const [update12] = JSON.parse(again.stdout)
    assert.deepInclude(update12, { family: "mine", outcome: "updated", isChanged: false, newReleases: ["13"] })
  })

  it("renews the others where a distribution fails, and says which and why", async () => {
    write("gone", "gone.publisher.test")
    const before = read("gone")
    const ended = await update()
    assert.strictEqual(ended.exitCode, 2)
    assert.match(ended.stderr, /^gone is left as it is: can't read https:\/\/gone\.publisher\.test\/12\/: /mu)
    assert.match(ended.stdout, /^Changed: mine\.json/mu)
    assert.strictEqual(read("gone"), before)
    assert.strictEqual((await update("gone")).stdout, "")
    const failed = JSON.parse((await update("--json", "gone")).stdout)
    assert.match(failed[0].error, /gone\.publisher\.test/u)
  })

  it.each([
    {
      what: "a distribution that is not there",
      args: ["theirs"],
      why: /no distribution is called theirs\n {2}there are mine/u
    },
    { what: "a folder that is not there", args: ["--registry", "/nowhere"], why: /no registry in \/nowhere/u }
  ])("refuses $what", async ({ args, why }) => {
    const refused = await place.run([
      "images",
      "update",
      ...(args[0] === "--registry" ? [] : ["--registry", registry]),
      ...args
    ])
    assert.strictEqual(refused.exitCode, 64)
    assert.match(refused.stderr, why)
  })
})
