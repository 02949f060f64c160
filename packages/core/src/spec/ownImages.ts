/** Users' own images, as a test's machines take them: `image: fromFile("./my.qcow2")`. In a spec they are `{ "file": … }` and `{ "url": …, "sha256": … }`. */
import type { ImageReferenceFromSpec } from "./ImageReference.ts"

export interface AboutImage {
  /** The distribution whose facts apply, such as `fedora`. Default: found out from the file's name, or taken as a plain cloud image. */
  readonly family?: string
  /** The distribution's version, such as `43`. */
  readonly version?: string
}

type Written = Exclude<typeof ImageReferenceFromSpec.Encoded, string>

/** A disk image on this machine; a relative path is meant from the test's own folder. */
export const fromFile = (file: string, about: AboutImage = {}): Written => ({ file, ...about })

const lengths = { sha256: 64, sha512: 128 } as const

const hexOf = (text: string): string =>
  /^[0-9a-fA-F]+$/u.test(text) ? text.toLowerCase() : Buffer.from(text, "base64").toString("hex")

/**
 * A disk image that is downloaded and verified. The digest is hexadecimal, alone or after `sha256:` or `sha512:`, or as Nix writes it
 * (`sha256-…=`). Throws where it is none.
 */
export const fromUrl = (url: string, digest: string, about: AboutImage = {}): Written => {
  const [, named, text = ""] = /^(?:(sha256|sha512)[:-])?([0-9A-Za-z+/]+=*)$/u.exec(digest) ?? []
  const hex = hexOf(text)
  if (named !== "sha512" && hex.length === lengths.sha256) return { url, sha256: hex, ...about }
  if (named !== "sha256" && hex.length === lengths.sha512) return { url, sha512: hex, ...about }
  throw new TypeError(
    `${digest === "" ? "an empty text" : digest} is no digest for ${url}: expected 64 (SHA-256) or 128 (SHA-512) hexadecimal digits, or sha256-… as Nix writes it`
  )
}
