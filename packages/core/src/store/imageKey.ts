/** Keys of disks in the cache: the digest of their content, as part of a file's name. */
import type * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { Digest } from "../spec/Image.ts"

export const imageKey = ({ algorithm, hex }: Digest): string => `${algorithm}-${hex}`

const decodeDigest = Schema.decodeUnknownOption(Digest)

/** None for the key of a user's own file, which is no digest of its content. */
export const digestOfKey = (key: string): Option.Option<Digest> => {
  const [algorithm, hex] = key.split("-")
  return decodeDigest({ algorithm, hex })
}
