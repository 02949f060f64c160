import { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { pathToFileURL } from "node:url"
import { afterEach, assert, beforeEach, describe, it } from "@effect/vitest"
import { build } from "rolldown"
import { packageFiles } from "../bundle/packageFiles.ts"

let folder = ""
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "package-files-"))
})
afterEach(() => rmSync(folder, { recursive: true }))

const write = (path: string, text: string): void => {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), text)
}

const bundle = () =>
  build({
    input: { main: join(folder, "packages/tool/src/main.ts") },
    platform: "node",
    logLevel: "silent",
    plugins: [packageFiles({ packages: join(folder, "packages"), directory: join(folder, "out") })],
    output: { dir: join(folder, "out"), entryFileNames: "[name].mjs", chunkFileNames: "[name].mjs" }
  })

/** What the bundle exports under a name. */
const exported = async (name: string): Promise<unknown> => {
  const module: Readonly<Record<string, unknown>> = await import(pathToFileURL(join(folder, "out/main.mjs")).href)
  return module[name]
}

describe("packageFiles", () => {
  it("copies files and folders of any package beside the bundle", async () => {
    write("packages/data/scripts/deep/hello.txt", "hello")
    write("packages/data/src/scripts.ts", `export const scripts = new URL("../scripts/", import.meta.url)`)
    write("packages/tool/src/main.ts", `export { scripts } from "../../data/src/scripts.ts"`)
    await bundle()
    const scripts = String(await exported("scripts"))
    assert.strictEqual(readFileSync(new URL("deep/hello.txt", scripts), "utf8"), "hello")
    assert.include(scripts, join(folder, "out/"))
  })

  it("makes a chunk of a worker's source", async () => {
    write("packages/tool/src/answer.ts", `export const answer: number = 42`)
    write(
      "packages/tool/src/worker.ts",
      `import { answer } from "./answer.ts"; export const double: number = answer * 2`
    )
    write(
      "packages/tool/src/main.ts",
      `export const { double } = await import(new URL("./worker.ts", import.meta.url).href)`
    )
    await bundle()
    assert.strictEqual(await exported("double"), 84)
  })

  it.each([
    [`new URL("../missing.txt", import.meta.url)`, "../missing.txt does not exist"],
    [`new URL("../../../outside.txt", import.meta.url)`, "../../../outside.txt is outside of the packages"],
    ["new URL(`../${name}`, import.meta.url)", "must be one string"]
  ])("refuses %s", async (expression, complaint) => {
    write("packages/tool/src/main.ts", `const name = "data"; export const file = ${expression}`)
    const failure = await bundle().then(
      () => "",
      (error: unknown) => String(error)
    )
    assert.include(failure, complaint)
  })
})
