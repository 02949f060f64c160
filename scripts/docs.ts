/** Writes what is generated of the documentation: `npm run docs [-- --check]`. `--check` only compares. */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { machineApiPage } from "./machineApiPage.ts"
import { factsTables, guestsTable, imagesTables, unitsTable } from "./imageTables.ts"
import { methodsPage } from "./methodsPage.ts"
import { replacePart } from "./replacePart.ts"

const root = join(import.meta.dirname, "..")
const read = (file: string): string => readFileSync(join(root, file), "utf8")

/** Whole pages, and pages that people write around generated parts. */
const pages = {
  "docs/machine-api.md": machineApiPage,
  "docs/methods.md": methodsPage,
  "docs/images.md": () =>
    Object.entries({ images: imagesTables(), facts: factsTables(), units: unitsTable() }).reduce(
      (page, [name, content]) => replacePart({ page, name, content }),
      read("docs/images.md")
    ),
  "README.md": () => replacePart({ page: read("README.md"), name: "guests", content: guestsTable() })
}

for (const [file, render] of Object.entries(pages)) {
  const page = render()
  if (!process.argv.includes("--check")) {
    writeFileSync(join(root, file), page)
  } else if (read(file) !== page) {
    console.error(`${file} is not what its sources say: npm run docs`)
    process.exitCode = 1
  }
}
