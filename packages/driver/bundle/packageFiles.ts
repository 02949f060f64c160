import { cpSync, existsSync, rmSync } from "node:fs"
import { dirname, join, relative, resolve, sep } from "node:path"
import type { Plugin } from "rolldown"

const reference = /new URL\(\s*"(\.{1,2}\/[^"]+)",\s*import\.meta\.url\s*\)/gu
const computedReference = /new URL\(\s*[^"\s][^)]*import\.meta\.url/u

export interface PackageFilesOptions {
  /** The folder that holds the packages. */
  readonly packages: string
  /** Where the chunks are written; the files go beside them. */
  readonly directory: string
}

/**
 * Takes along what sources name as `new URL("RELATIVE PATH", import.meta.url)`: a TypeScript file, such as a worker, becomes a chunk of its
 * own; any other file or folder is copied to `PACKAGE/…`. Without it these paths would point nowhere once the code is in a bundle.
 */
export const packageFiles = ({ packages, directory }: PackageFilesOptions): Plugin => {
  const copies = new Map<string, string>()
  return {
    name: "package-files",
    buildStart() {
      rmSync(directory, { recursive: true, force: true })
    },
    transform: {
      filter: { id: /\/packages\/[^/]+\/src\//u, code: "import.meta.url" },
      handler(code, id) {
        if (computedReference.test(code)) this.error(`${id}: a URL relative to import.meta.url must be one string`)
        return code.replaceAll(reference, (_, path: string) => {
          const source = resolve(dirname(id), path)
          const target = relative(packages, source).split(sep).join("/")
          if (target.startsWith("..")) this.error(`${id}: ${path} is outside of the packages`)
          if (!existsSync(source)) this.error(`${id}: ${path} does not exist`)
          if (source.endsWith(".ts"))
            return `new URL(import.meta.ROLLUP_FILE_URL_${this.emitFile({ type: "chunk", id: source })})`
          copies.set(source, join(directory, target))
          return `new URL("./${target}${path.endsWith("/") ? "/" : ""}", import.meta.url)`
        })
      }
    },
    writeBundle() {
      for (const [source, target] of copies) cpSync(source, target, { recursive: true })
    }
  }
}
