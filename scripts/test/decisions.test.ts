import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"

const root = join(import.meta.dirname, "../..")
const Dependencies = Schema.Record(Schema.String, Schema.String)
const Manifest = Schema.fromJsonString(
  Schema.Struct({ dependencies: Schema.optionalKey(Dependencies), devDependencies: Schema.optionalKey(Dependencies) })
)

const dependencies = globSync(["package.json", "packages/*/package.json"], { cwd: root })
  .map((file) => Schema.decodeSync(Manifest)(readFileSync(join(root, file), "utf8")))
  .flatMap((manifest) => Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }))
  .filter(([name]) => !name.startsWith("@nix-vm-test/"))

describe("docs/decisions/0001-dependencies.md", () => {
  const page = readFileSync(join(root, "docs/decisions/0001-dependencies.md"), "utf8")

  it.each(dependencies)("gives a reason for %s, which is pinned to %s", (name, version) => {
    assert.include(page, `\`${name}\``)
    assert.match(version, /^\d+\.\d+\.\d+$/u)
  })
})
