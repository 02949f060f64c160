import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { maskedUnits, recipes } from "@nix-vm-test/core/store/builder/Recipe"
import * as Schema from "effect/Schema"
import { Distribution } from "@nix-vm-test/distributions/Distribution"
import { imageRows } from "@nix-vm-test/distributions/imageRows"
import { decodedDistribution, distributions } from "@nix-vm-test/distributions/registry"

const folder = join(import.meta.dirname, "../registry")
const files = globSync("*.json", { cwd: folder }).toSorted()
const checked = Schema.decodeUnknownSync(Distribution, { errors: "all", onExcessProperty: "error" })
const textOf = (file: string): string => readFileSync(join(folder, file), "utf8")

describe("registry", () => {
  it.each(files)("%s is one that a publisher's files can be told by", (file) => {
    const { family } = checked(JSON.parse(textOf(file)))
    assert.strictEqual(`${family}.json`, file)
  })

  it.each(files)("%s is written as a program would write it, without a key twice", (file) => {
    assert.strictEqual(textOf(file), `${JSON.stringify(JSON.parse(textOf(file)), null, 2)}\n`)
  })

  it("has every file", () =>
    assert.deepStrictEqual(distributions.map(({ family }) => `${family}.json`).toSorted(), files))

  const all = distributions.map(decodedDistribution)
  const images = all.flatMap(imageRows).map(({ image }) => image)

  it("has no file under two names", () => {
    assert.isAbove(images.length, 100)
    for (const values of [images.map(({ digest }) => digest.hex), images.flatMap(({ urls }) => urls)])
      assert.strictEqual(new Set(values).size, values.length)
  })

  it("names recipes that the image builder has", () => {
    const known = new Set(recipes.map(({ name }) => name))
    const named = all.flatMap(({ releases }) =>
      Object.values(releases).flatMap(({ recipes: own }) => own?.x86_64 ?? [])
    )
    assert.deepStrictEqual(named, ["debian-12", "debian-13"])
    assert.isTrue(named.every((name) => known.has(name)))
  })

  it("stops in a downloaded Debian what a built one does not start", () => {
    const debian = all.find(({ family }) => family === "debian")
    assert.includeMembers([...(debian?.facts.slowUnits ?? [])], [...maskedUnits])
  })
})
