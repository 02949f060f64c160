import * as path from "node:path"
import type { ImageReference } from "../spec/ImageReference.ts"

/** The reference with an absolute path where it names a file; to be done before the image is fetched, which is before the plan. */
export const resolveImageReference = (reference: ImageReference, baseDirectory: string): ImageReference =>
  reference._tag === "File" ? { ...reference, path: path.resolve(baseDirectory, reference.path) } : reference
