/** Materializes the image given as JSON in a cache, `CACHE IMAGE`, and writes the path, or the reason why not, as JSON. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Image } from "@nix-vm-test/core/spec/Image"
import { ImageStore } from "@nix-vm-test/core/store/ImageStore"
import { storeAt } from "../storeAt.ts"

const [cache = "", json = ""] = process.argv.slice(2)

const outcome = Effect.gen(function* () {
  const image = yield* Schema.decodeEffect(Schema.fromJsonString(Image))(json)
  const store = yield* ImageStore
  return { path: (yield* store.materialize(image)).path }
}).pipe(
  Effect.catchTag("ImageError", (error) => Effect.succeed({ reason: error.reason, message: error.message })),
  Effect.provide(storeAt(cache))
)

console.log(JSON.stringify(await Effect.runPromise(outcome)))
