/** Gets the images of a test's machines, ready to be machines: each one once, all at the same time, with their progress as events. */
import * as Effect from "effect/Effect"
import { EventBus } from "../events/EventBus.ts"
import type { HostFacts } from "../plan/HostFacts.ts"
import { resolveImageReference } from "../plan/resolveImageReference.ts"
import type { StoredImage } from "../plan/StoredImage.ts"
import type { ImageReference } from "../spec/ImageReference.ts"
import type { TestSpec } from "../spec/TestSpec.ts"
import { ImageCatalog } from "../store/ImageCatalog.ts"
import { ImageStore } from "../store/ImageStore.ts"
import { prepareImage } from "./prepareImage.ts"
import { warnOfEndOfLife } from "./warnOfEndOfLife.ts"

const referenceKey = (reference: ImageReference): string => JSON.stringify(reference)

export const fetchImages = Effect.fn("run.fetchImages")(function* (options: {
  readonly spec: TestSpec
  readonly baseDirectory: string
  readonly host: HostFacts
}) {
  const catalog = yield* ImageCatalog
  const store = yield* ImageStore
  const { timeouts } = options.spec
  const bus = yield* EventBus
  const references = Object.entries(options.spec.machines).map(([machine, { image }]) => ({
    machine,
    key: referenceKey(image),
    image: resolveImageReference(image, options.baseDirectory)
  }))
  const distinct = [...new Map(references.map(({ key, image }) => [key, image]))]
  const fetched = yield* Effect.forEach(
    distinct,
    Effect.fnUntraced(function* ([key, reference]) {
      const image = yield* catalog.resolve(reference, options.host.architecture)
      yield* warnOfEndOfLife(image)
      const stored = yield* store.materialize(image, bus.publishUnsafe)
      return [key, yield* prepareImage({ image: stored, host: options.host, bootLimit: timeouts.boot })] as const
    }),
    { concurrency: "unbounded" }
  )
  const byReference = new Map(fetched)
  const images: Record<string, StoredImage> = {}
  for (const { machine, key } of references) {
    const image = byReference.get(key)
    if (image !== undefined) images[machine] = image
  }
  return images
})
