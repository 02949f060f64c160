import { readFileSync } from "node:fs"
import { assert, it } from "@effect/vitest"
import { version } from "@nix-vm-test/driver/version"
import * as Schema from "effect/Schema"

const Manifest = Schema.fromJsonString(Schema.Struct({ version: Schema.String }))

it("is the version of the package", () => {
  const manifest = Schema.decodeSync(Manifest)(readFileSync(new URL("../package.json", import.meta.url), "utf8"))
  assert.strictEqual(version, manifest.version)
})
