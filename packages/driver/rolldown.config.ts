import { fileURLToPath } from "node:url"
import { defineConfig } from "rolldown"
import { lazySegmenter } from "./bundle/lazySegmenter.ts"
import { packageFiles } from "./bundle/packageFiles.ts"

const inPackage = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** `dist/nix-vm-test.mjs` is the command; the folder `dist/nix-vm-test` beside it holds its chunks and the files that it reads. */
// oxlint-disable-next-line import/no-default-export -- rolldown reads it
export default defineConfig({
  input: { "nix-vm-test": inPackage("src/main.ts") },
  platform: "node",
  // It brings a compiler of its own as a native program, so it stays a package, found from the bundle's place.
  external: [/^tsx(\/|$)/u],
  tsconfig: false,
  // An import that can't be found is only a warning by default, and fails on the user's machine.
  onLog: (level, log, handle) => handle(level === "warn" ? "error" : level, log),
  plugins: [lazySegmenter(), packageFiles({ packages: inPackage(".."), directory: inPackage("dist/nix-vm-test") })],
  output: {
    dir: inPackage("dist"),
    format: "esm",
    minify: true,
    entryFileNames: ({ isEntry, name }) =>
      isEntry && name === "nix-vm-test" ? "nix-vm-test.mjs" : "nix-vm-test/[name].mjs",
    chunkFileNames: "nix-vm-test/[name].mjs"
  }
})
