/** What is said of an image that the agent does not come into, read from the disk that its only guest left. */
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { assert, layer } from "@effect/vitest"
import { hostFacts } from "@nix-vm-test/core/run/hostFacts"
import { prepareImage } from "@nix-vm-test/core/run/prepareImage"
import { ImageStore } from "@nix-vm-test/core/store/ImageStore"
import { runServices } from "@nix-vm-test/driver/run/services"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { imageOf } from "../store/testDisk.ts"
import { withoutFile } from "./brokenStockImage.ts"

const temporaryFolder = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "nvt-broken-"))),
  (folder) => Effect.sync(() => fs.rmSync(folder, { recursive: true, force: true }))
)

layer(runServices, { excludeTestServices: true })("an image that can't be entered", (it) => {
  it.effect("tells cloud-init's own words from its disk", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const { materialize } = yield* ImageStore
      const stock = yield* materialize(imageOf({ _tag: "Packages", recipe: "debian-12-stock" }))
      // The seed's script can't decode the agent's unit.
      const broken = withoutFile({ disk: stock.path, folder, file: "/usr/bin/base64" })
      const image = yield* materialize(imageOf({ _tag: "File", path: broken }))
      const host = yield* hostFacts("tcg")
      const error = yield* Effect.flip(prepareImage({ image, host, bootLimit: Duration.seconds(120) }))
      assert.strictEqual(error._tag, "PreparationError", error.message)
      if (error._tag !== "PreparationError") return
      assert.strictEqual(error.reason._tag, "NotEntered", error.message)
      const texts = new Map(error.evidence.map(({ title, text }) => [title, text]))
      assert.match(
        texts.get("on its disk: /var/log/cloud-init.log") ?? "",
        /WARNING.*Boothooks script .* execution error/u
      )
    })
  )
})
