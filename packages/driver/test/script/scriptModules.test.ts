/** What scripts may be written in, in processes of their own: each script says what it loaded by its failure. */
import { afterEach, assert, beforeEach, describe, it } from "@effect/vitest"
import { Workplace } from "../faults/Workplace.ts"

let place: Workplace
beforeEach(() => {
  place = new Workplace()
})
afterEach(() => place.remove())

/** The failure's place is part of what is tested: line 5, whoever took the types off. */
const script = (first: string, second: string): string =>
  [
    first,
    second,
    `const seen: ReadonlyArray<unknown> = [value]`,
    `console.log("begins")`,
    `throw new Error("loaded " + seen.join())`,
    ""
  ].join("\n")

const scripts = [
  { what: "types alone", text: script("", "const value: number = 7") },
  { what: "an enum", text: script("enum Answer { seven = 7 }", "const value = Answer.seven") },
  {
    what: "a parameter property",
    text: script("class Box { constructor(readonly inner: number) {} }", "const value = new Box(7).inner")
  },
  { what: "an import without an ending", text: script(`import { seven } from "./helper"`, "const value = seven") },
  {
    what: "an import that names the compiled file",
    text: script(`import { seven } from "./helper.js"`, "const value = seven")
  },
  {
    what: "a type that is imported like a value",
    text: script(`import { Seven, seven } from "./helper.ts"`, "const value: Seven = seven")
  },
  {
    what: "names of images, and images of its own",
    text: script(
      `import { debian } from "@nix-vm-test/distributions"; import { fromFile } from "@nix-vm-test/core"`,
      `const value = [debian("bookworm"), fromFile("a").file].join() === "debian:12,a" ? 7 : 0`
    )
  },
  { what: "such an import in a helper", text: script(`import { seven } from "./user.ts"`, "const value = seven") }
]

describe.each([
  { folder: "a folder of ECMAScript modules", description: `{ "type": "module" }` },
  { folder: "a folder that does not say what its modules are", description: "{}" }
])("$folder", ({ description }) => {
  it.each(scripts)("loads a script with $what, once", async ({ text }) => {
    place.write("package.json", description)
    place.write("helper.ts", "export type Seven = 7\nexport const seven: Seven = 7\n")
    place.write("user.ts", `import { Seven, seven as own } from "./helper.ts"\nexport const seven: Seven = own\n`)
    const { exitCode, stdout } = await place.run(["run", place.write("case.ts", text)])
    assert.strictEqual(exitCode, 1, stdout)
    assert.include(stdout, "Error: loaded 7")
    assert.match(stdout, /case\.ts:5:7$/mu)
    assert.strictEqual(stdout.split("begins").length, 2)
  })
})
