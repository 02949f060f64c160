/** Which image a machine is made from, as a test says it; the image catalog turns it into an `Image`. */
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { Digest } from "./Image.ts"

/** What names of images look like; they become names of files as well. */
export const imageNamePattern = /^[a-z0-9][a-z0-9.-]*(?::[A-Za-z0-9._-]+)?$/u

/** A name of the catalog, such as `debian:12`. */
export const NamedImage = Schema.TaggedStruct("Named", { name: Schema.String })
export type NamedImage = typeof NamedImage.Type

const about = {
  /** The distribution whose facts apply. Default: found out from the name, or taken as a plain cloud image. */
  family: Schema.optionalKey(Schema.String),
  /** The distribution's version, such as `13`. */
  version: Schema.optionalKey(Schema.String)
}

/** A disk image on this machine; a relative path is meant from the test's own folder. */
export const ImageFile = Schema.TaggedStruct("File", { path: Schema.String, ...about })
export type ImageFile = typeof ImageFile.Type

/** A disk image that is downloaded and verified. */
export const ImageUrl = Schema.TaggedStruct("Url", { url: Schema.String, digest: Digest, ...about })
export type ImageUrl = typeof ImageUrl.Type

export const ImageReference = Schema.Union([NamedImage, ImageFile, ImageUrl])
export type ImageReference = typeof ImageReference.Type

const hex = (digits: number) =>
  Schema.String.check(
    Schema.isPattern(new RegExp(`^[0-9a-f]{${digits}}$`, "u"), { expected: `${digits} lower case hexadecimal digits` })
  )
const url = Schema.String.check(Schema.isPattern(/^https?:\/\/\S+$/u, { expected: "an http or https URL" }))
const nonEmpty = Schema.String.check(Schema.isMinLength(1, { expected: "a path" }))

const written = Schema.Union([
  Schema.String.check(Schema.isPattern(imageNamePattern, { expected: `an image name such as "debian:12"` })).annotate({
    description: `A name of the catalog, such as "debian:12".`
  }),
  Schema.Struct({ file: nonEmpty, ...about }).annotate({ description: "A disk image on this machine." }),
  Schema.Struct({ url, sha256: hex(64), ...about }).annotate({ description: "A disk image to download." }),
  Schema.Struct({ url, sha512: hex(128), ...about }).annotate({ description: "A disk image to download." })
]).annotate({ expected: `"debian:12", { "file": … } or { "url": …, "sha256" or "sha512": … }` })

/** The written forms: a name, `{ file }` or `{ url, sha256 | sha512 }`. */
export const ImageReferenceFromSpec = written.pipe(
  Schema.decodeTo(
    ImageReference,
    SchemaTransformation.transform({
      decode: (image): ImageReference => {
        if (typeof image === "string") return { _tag: "Named", name: image }
        if ("file" in image) {
          const { file, ...rest } = image
          return { _tag: "File", path: file, ...rest }
        }
        if ("sha256" in image) {
          const { sha256, ...rest } = image
          return { _tag: "Url", digest: { algorithm: "sha256", hex: sha256 }, ...rest }
        }
        const { sha512, ...rest } = image
        return { _tag: "Url", digest: { algorithm: "sha512", hex: sha512 }, ...rest }
      },
      encode: (image): typeof written.Type => {
        switch (image._tag) {
          case "Named":
            return image.name
          case "File": {
            const { _tag, path, ...rest } = image
            return { file: path, ...rest }
          }
          case "Url": {
            const { _tag, digest, ...rest } = image
            return digest.algorithm === "sha256" ? { sha256: digest.hex, ...rest } : { sha512: digest.hex, ...rest }
          }
        }
      }
    })
  )
)
