import { assert, it } from "@effect/vitest"
import { version } from "@nix-vm-test/driver/version"
import manifest from "@nix-vm-test/driver/package.json" with { type: "json" }

it("is the version of the package", () => {
  assert.strictEqual(version, manifest.version)
})
