/** Gets the images of a test's machines, ready to be machines: each one once, with its progress as events. */
import * as path from "node:path"
import * as Effect from "effect/Effect"
import { EventBus } from "../events/EventBus.ts"
import type { HostFacts } from "../plan/HostFacts.ts"
import type { StoredImage } from "../plan/StoredImage.ts"
import type { ImageReference } from "../spec/ImageReference.ts"
import type { TestSpec } from "../spec/TestSpec.ts"
import { ImageCatalog } from "../store/ImageCatalog.ts"
import { ImageStore } from "../store/ImageStore.ts"
import { prepareImage } from "./prepareImage.ts"

/** A user's own file is named from the test's folder. */
const absolute = (reference: ImageReference, baseDirectory: string): ImageReference =>
  reference._tag === "File" ? { ...reference, path: path.resolve(baseDirectory, reference.path) } : reference

const referenceKey = (reference: ImageReference): string => JSON.stringify(reference)

export const fetchImages = Effect.fn("run.fetchImages")(function* (options: {
  readonly spec: TestSpec
  readonly baseDirectory: string
  readonly host: HostFacts
}) {
  const catalog = yield* ImageCatalog
  const store = yield* ImageStore
  const bus = yield* EventBus
  const fetched = new Map<string, StoredImage>()
  const images: Record<string, StoredImage> = {}
  for (const [name, machine] of Object.entries(options.spec.machines)) {
    const key = referenceKey(machine.image)
    const known = fetched.get(key)
    if (known !== undefined) {
      images[name] = known
      continue
    }
    const image = yield* catalog.resolve(absolute(machine.image, options.baseDirectory), options.host.architecture)
    const stored = yield* store.materialize(image, bus.publishUnsafe)
    const ready = yield* prepareImage({ image: stored, host: options.host })
    fetched.set(key, ready)
    images[name] = ready
  }
  return images
})
