/** Publishers as they are known, with a newer build of everything: made from pins and from what the registry says of their indexes. */
import type { ImageRow } from "@nix-vm-test/distributions/imageRows"
import { architectureTokens, fileNameOf } from "@nix-vm-test/distributions/imageUrl"
import { renewedUrl } from "@nix-vm-test/distributions/update/builds"
import { isNamedAs } from "@nix-vm-test/distributions/update/Offer"
import type { ChecksumFiles, NewestBuilds, Publisher, Simplestreams } from "@nix-vm-test/distributions/update/Publisher"
import type { Site } from "./publisherServer.ts"
import type { TestKey } from "./signingKey.ts"
import { sha256, sha512 } from "./updateScene.ts"

/** A file that is there instead of the pinned one; its content is its address. */
interface NewBuild {
  readonly row: ImageRow
  readonly build: string
  readonly url: string
}

/** The day of a build is put into another year, else its last number raised. */
const later = (build: string): string =>
  /20\d{6}/u.test(build)
    ? build.replace(/20\d\d(?=\d{4})/u, "2099")
    : build.replace(/\d+$/u, (digits) => String(Number(digits) + 1))

const folderOf = (url: string): string => url.slice(0, -fileNameOf(url).length)

/** An index with what proves it. */
const proven = (url: string, text: string, { signature }: Publisher, key: TestKey): Site => {
  if (signature === undefined) return { [url]: text }
  if (signature._tag === "Clearsigned") return { [url]: key.clearsign(text) }
  return { [url]: text, [`${url}${signature.suffix}`]: key.detached(text) }
}

const addressOf = ({ image }: ImageRow, origins: ReadonlyArray<string>): string | undefined =>
  image.urls.find((url) => origins.some((origin) => url.startsWith(origin)))

const newBuilds = (rows: ReadonlyArray<ImageRow>, publisher: Publisher): ReadonlyArray<NewBuild> =>
  rows
    .filter(({ image }) => isNamedAs(image.build, publisher.build))
    .flatMap((row) => {
      const url = addressOf(row, publisher._tag === "ChecksumFiles" ? publisher.origins : ["https://"])
      const build = later(row.image.build)
      return url === undefined ? [] : [{ row, build, url: renewedUrl(url, row.image.build, build) }]
    })

const streamSite = (publisher: Simplestreams, builds: ReadonlyArray<NewBuild>, key: TestKey): Site => {
  const products = builds.map(({ row, build, url }) => {
    const [arch] = architectureTokens[row.architecture]
    const item = { path: `server${new URL(url).pathname}`, sha256: sha256(url), size: url.length }
    const versions = { [build]: { items: { [publisher.item]: item } } }
    return [`${row.version}:${arch}`, { arch, version: row.version, versions }] as const
  })
  return proven(publisher.stream, JSON.stringify({ products: Object.fromEntries(products) }), publisher, key)
}

/** A later minor release's document takes the place of an earlier one's. */
const documentSite = (publisher: NewestBuilds, builds: ReadonlyArray<NewBuild>): Site =>
  Object.fromEntries(
    builds.map(({ row: { version, architecture }, url }) => [
      publisher.documents[architecture].replace("{major}", version.split(".")[0] ?? ""),
      JSON.stringify({
        base_url: new URL(folderOf(url)).pathname,
        kvm: { image: fileNameOf(url), sha256: sha256(url) }
      })
    ])
  )

const checksumSite = (publisher: ChecksumFiles, builds: ReadonlyArray<NewBuild>, key: TestKey): Site => {
  const lists = new Map<string, string>()
  for (const { build, url } of builds) {
    const list = `${folderOf(url)}${publisher.checksums.replace("{file}", fileNameOf(url))}`
    const places = publisher.newest === undefined ? [list] : [list, list.replace(build, publisher.newest)]
    for (const place of places) lists.set(place, `${lists.get(place) ?? ""}${sha512(url)}  ${fileNameOf(url)}\n`)
  }
  return Object.assign({}, ...[...lists].map(([url, text]) => proven(url, text, publisher, key)))
}

/** Of a publisher with one build for ever: what is pinned, in a list that is called by its release. */
const fixedSite = (publisher: ChecksumFiles, rows: ReadonlyArray<ImageRow>, key: TestKey): Site =>
  Object.assign(
    {},
    ...rows.map((row) => {
      const { version, architecture, image } = row
      const url = addressOf(row, publisher.origins) ?? ""
      const name = publisher.checksums.replace("*", `${version}-${image.build}-${architecture}`)
      const size = image.size === undefined ? "" : `# ${fileNameOf(url)}: ${image.size} bytes\n`
      return proven(
        `${folderOf(url)}${name}`,
        `${size}SHA256 (${fileNameOf(url)}) = ${image.digest.hex}\n`,
        publisher,
        key
      )
    })
  )

/** All that the publisher answers; signed by the key where it signs. */
export const publishedSite = (publisher: Publisher, rows: ReadonlyArray<ImageRow>, key: TestKey): Site => {
  const builds = newBuilds(rows, publisher)
  const images = Object.fromEntries(builds.map(({ url }) => [url, url]))
  switch (publisher._tag) {
    case "Simplestreams":
      return { ...images, ...streamSite(publisher, builds, key) }
    case "NewestBuilds":
      return { ...images, ...documentSite(publisher, builds) }
    case "ChecksumFiles":
      return publisher.build === undefined
        ? fixedSite(publisher, rows, key)
        : { ...images, ...checksumSite(publisher, builds, key) }
  }
}
