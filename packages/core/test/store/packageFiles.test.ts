import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { afterAll, assert, describe, it } from "@effect/vitest"
import { packageComplaints, packageFiles } from "@nix-vm-test/core/store/packageFiles"
import * as Effect from "effect/Effect"

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "nvt-package-files-"))
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

const magic = "!<arch>\n"
const format = { ending: ".deb", magic: new TextEncoder().encode(magic) }

const write = (name: string, text = `${magic}rest`): string => {
  fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true })
  fs.writeFileSync(path.join(folder, name), text)
  return path.join(folder, name)
}

const one = write("some/one.deb")
const other = write("some/other.deb")
write("some/README", "")
const some = path.dirname(one)

describe("packageFiles", () => {
  it.effect("are a file, or those of a folder that end as packages do", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* packageFiles(one, format), [one])
      assert.deepStrictEqual(yield* packageFiles(some, format), [one, other])
      assert.deepStrictEqual(yield* packageComplaints(some, format), [])
    })
  )

  it.effect("says what is no package", () =>
    Effect.gen(function* () {
      const text = write("text.deb", "<html>")
      const short = write("wrong/short.deb", "!")
      const rpm = write("x.rpm")
      const empty = path.dirname(write("empty/README"))
      const complaints = (where: string) => packageComplaints(where, format)
      assert.deepStrictEqual(yield* complaints(text), [`${text} is no package, whatever its name says`])
      assert.deepStrictEqual(yield* complaints(path.dirname(short)), [`${short} is no package, whatever its name says`])
      assert.deepStrictEqual(yield* complaints(rpm), [`${rpm} is no .deb package, as this guest wants them`])
      assert.deepStrictEqual(yield* complaints(empty), [`no .deb file is in ${empty}`])
      const missing = yield* Effect.flip(complaints(path.join(folder, "missing")))
      assert.strictEqual(missing.code, "ENOENT")
    })
  )
})
