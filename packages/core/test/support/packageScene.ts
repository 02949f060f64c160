/** Packages for guests: two of Debian's own, of which one needs the other, and some made here. All of them suit every release. */
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"

export interface MadePackage {
  readonly name: string
  readonly architecture?: string
  readonly depends?: string
}

export interface PackageScene {
  /** A folder with `libjs-jquery-ui` and `libjs-jquery`, which it depends on. */
  readonly published: string
  /** A package `nvt-page`, which depends on `libjs-jquery-ui`. */
  readonly page: string
  /** Makes a package that holds a file `/usr/share/NAME/file`, and gives its path. Its version has an epoch, which names of files write in an odd way. */
  readonly make: (options: MadePackage) => string
  /** A file of the scene. */
  readonly write: (name: string, text: string) => string
  readonly remove: () => void
}

export const makePackageScene = (): PackageScene => {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), "nvt-packages-"))
  const published = path.join(root, "published")
  fs.mkdirSync(published)
  execFileSync("apt-get", ["download", "-qq", "-o", "APT::Sandbox::User=root", "libjs-jquery", "libjs-jquery-ui"], {
    cwd: published,
    stdio: ["ignore", "ignore", "inherit"]
  })
  const make: PackageScene["make"] = ({ name, architecture = "all", depends = "libjs-jquery-ui" }) => {
    const tree = path.join(root, `tree-${name}`)
    fs.mkdirSync(path.join(tree, "DEBIAN"), { recursive: true })
    fs.mkdirSync(path.join(tree, "usr/share", name), { recursive: true })
    fs.writeFileSync(path.join(tree, "usr/share", name, "file"), `of ${name}\n`)
    const fields = {
      Package: name,
      Version: "1:1.0",
      Architecture: architecture,
      Maintainer: "Tests <tests@example.org>",
      Depends: depends,
      Description: "for a test"
    }
    const control = Object.entries(fields).map(([field, value]) => `${field}: ${value}\n`)
    fs.writeFileSync(path.join(tree, "DEBIAN/control"), control.join(""))
    const file = path.join(root, `${name}_1%3a1.0_${architecture}.deb`)
    execFileSync("dpkg-deb", ["--root-owner-group", "-Zxz", "--build", tree, file], { stdio: "ignore" })
    return file
  }
  return {
    published,
    page: make({ name: "nvt-page" }),
    make,
    write: (name, text) => {
      const file = path.join(root, name)
      fs.writeFileSync(file, text)
      return file
    },
    remove: () => fs.rmSync(root, { recursive: true, force: true })
  }
}
