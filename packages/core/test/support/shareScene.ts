/** Folders of the host for tests of shares: a tree with all that a copy could lose, and a small Nix store. */
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"

export interface ShareScene {
  /** Of its own, for one share that is written. */
  readonly writable: (name: string) => string
  /** The tree with all that a copy could lose. */
  readonly tree: string
  readonly store: string
  /** A store path that no closure has. */
  readonly outsider: string
  /** The closure's paths. */
  readonly closure: ReadonlyArray<string>
  readonly closureInfo: string
  readonly registration: string
  readonly remove: () => void
}

const note = "import os, sys; os.setxattr(sys.argv[1], 'user.note', b'kept')"

/** Names are those of `entriesIn`'s answer. */
const makeTree = (folder: string): void => {
  fs.mkdirSync(path.join(folder, "empty"), { recursive: true })
  fs.mkdirSync(path.join(folder, "below/further"), { recursive: true })
  fs.writeFileSync(path.join(folder, "below/further/file"), "deep\n")
  fs.writeFileSync(path.join(folder, "file"), "text\n")
  fs.linkSync(path.join(folder, "file"), path.join(folder, "hard"))
  fs.symlinkSync("below/further/file", path.join(folder, "link"))
  fs.symlinkSync("nowhere", path.join(folder, "dangling"))
  fs.writeFileSync(path.join(folder, "-dash"), "")
  fs.writeFileSync(path.join(folder, "grüße"), "")
  fs.writeFileSync(path.join(folder, "two\nlines"), "")
  fs.writeFileSync(path.join(folder, "setuid"), "#!/bin/sh\n")
  fs.chmodSync(path.join(folder, "setuid"), 0o4755)
  fs.writeFileSync(path.join(folder, "private"), "", { mode: 0o600 })
  execFileSync("python3", ["-c", note, path.join(folder, "file")])
}

const hash = (letter: string) => letter.repeat(32)

export const makeShareScene = (): ShareScene => {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), "nvt-shares-"))
  const tree = path.join(root, "a, tree")
  makeTree(tree)
  const store = path.join(root, "nix/store")
  const entry = (name: string) => path.join(store, name)
  const program = entry(`${hash("a")}-program`)
  fs.mkdirSync(path.join(program, "bin"), { recursive: true })
  fs.writeFileSync(path.join(program, "bin/hello"), `#!/bin/sh\ncat ${entry(`${hash("b")}-words`)}\n`, { mode: 0o555 })
  fs.writeFileSync(entry(`${hash("b")}-words`), "hello from the store\n", { mode: 0o444 })
  fs.symlinkSync(program, entry(`${hash("c")}-link`))
  const outsider = entry(`${hash("d")}-outsider`)
  fs.mkdirSync(outsider)
  const closure = ["a", "b", "c"].flatMap((letter) =>
    fs
      .readdirSync(store)
      .filter((name) => name.startsWith(hash(letter)))
      .map(entry)
  )
  const closureInfo = entry(`${hash("e")}-closure-info`)
  const registration = closure.map((each) => `${each}\n${"0".repeat(64)}\n1\n\n0\n`).join("")
  fs.mkdirSync(closureInfo)
  fs.writeFileSync(path.join(closureInfo, "store-paths"), closure.map((each) => `${each}\n`).join(""))
  fs.writeFileSync(path.join(closureInfo, "registration"), registration)
  return {
    writable: (name) => {
      const folder = path.join(root, `writable-${name}`)
      fs.mkdirSync(path.join(folder, "sub"), { recursive: true })
      fs.writeFileSync(path.join(folder, "kept"), "of the host\n")
      fs.writeFileSync(path.join(folder, "changed"), "of the host\n")
      return folder
    },
    tree,
    store,
    outsider,
    closure,
    closureInfo,
    registration,
    remove: () => fs.rmSync(root, { recursive: true, force: true })
  }
}

/** Shell code that lists the tree: name, kind, permissions, links, a link's target. Each entry ends with a zero byte. */
export const listTree = (folder: string): string =>
  `cd '${folder}'; LC_ALL=C.UTF-8 find . -mindepth 1 -printf '%P %y %m %n %l\\0' | LC_ALL=C sort -z`

/** What the tree's listing is; `links` is how many names the file with two of them has. */
export const treeListing = (options: { readonly links: 1 | 2 }): ReadonlyArray<string> => [
  "-dash f 644 1 ",
  "below d 755 3 ",
  "below/further d 755 2 ",
  "below/further/file f 644 1 ",
  "dangling l 777 1 nowhere",
  "empty d 755 2 ",
  `file f 644 ${options.links} `,
  "grüße f 644 1 ",
  `hard f 644 ${options.links} `,
  "link l 777 1 below/further/file",
  "private f 600 1 ",
  "setuid f 4755 1 ",
  "two\nlines f 644 1 "
]
