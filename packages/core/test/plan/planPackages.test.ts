import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { planOne, storedImage } from "./examples.ts"

const url = "https://mirror.example.org/pool/a_1.0_all.deb"
const sha256 = "0".repeat(64)

describe("planPackages", () => {
  it("has files where the spec says, and downloads in the run's directory", () => {
    const plan = Result.getOrThrow(planOne({ packages: ["./debs", "/opt/b.deb", { url, sha256 }], install: ["a"] }))
    const [folder, file, download] = plan.packages?.sources ?? []
    assert.deepStrictEqual(folder, { path: "/home/me/project/debs", namedBy: "machines.vm.packages[0]" })
    assert.strictEqual(file?.path, "/opt/b.deb")
    assert.match(download?.path ?? "", /^\/run\/user\/1000\/nvt-Ab12Cd\/packages\/[0-9a-f]+\/a_1\.0_all\.deb$/u)
    assert.deepStrictEqual(download?.pin, { url, digest: { algorithm: "sha256", hex: sha256 } })
    assert.deepInclude(plan.packages, { install: ["a"], offline: true })
  })

  it("leaves the guest's own sources alone where it can reach them", () => {
    const plan = Result.getOrThrow(planOne({ packages: ["./debs"], internet: true }))
    assert.isFalse(plan.packages?.offline)
  })

  it("plans nothing where nothing is asked for", () => {
    assert.isUndefined(Result.getOrThrow(planOne({})).packages)
  })

  it("says which package managers can be given packages", () => {
    const stored = storedImage()
    const image = { ...stored.image, facts: { ...stored.image.facts, packageManager: "pacman" as const } }
    const error = Result.getOrThrow(Result.flip(planOne({ packages: ["./x"] }, { image: { ...stored, image } })))
    assert.match(
      error.message,
      /^vm: packages can be given to guests that install with apt or dnf, and this one does so with pacman$/u
    )
  })
})
