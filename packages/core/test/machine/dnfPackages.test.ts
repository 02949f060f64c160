/** dnf itself, on the host: it installs into a folder from a repository that was made by the guest's script, in a namespace with folders of the test's own. */
import { execFileSync, spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { afterAll, assert, describe, it } from "@effect/vitest"
import { dnfPackages } from "@nix-vm-test/core/machine/dnfPackages"
import { packagesFolder } from "@nix-vm-test/core/machine/packagesFolder"

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "nvt-dnf-"))
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

const packages = path.join(folder, "packages")

const make = (name: string, fields: ReadonlyArray<string>, architecture = "noarch"): void => {
  const spec = path.join(folder, `${name}.spec`)
  const text = [
    `Name: ${name}\nEpoch: 1\nVersion: 1.0\nRelease: 2\nSummary: <for> a "test" & more\nLicense: MIT`,
    `${fields.map((field) => `${field}\n`).join("")}%description\nfor a test`,
    `%install\nmkdir -p %{buildroot}/usr/share/${name}\necho of ${name} >%{buildroot}/usr/share/${name}/file`,
    `%files\n/usr/share/${name}\n`
  ]
  fs.writeFileSync(spec, text.join("\n"))
  const place = ["--define", `_topdir ${folder}/top`, "--define", `_rpmdir ${packages}`]
  const flat = ["--define", "_build_name_fmt %%{NAME}-%%{VERSION}.%%{ARCH}.rpm", "--target", architecture]
  execFileSync("rpmbuild", ["--quiet", "-bb", ...place, ...flat, spec], { stdio: "ignore" })
}

make("nvt-base", ["Provides: /bin/sh", "Provides: nvt(odd<name>)"])
make("nvt-page", ["Requires: nvt-base >= 1:1.0, /usr/share/nvt-base/file, nvt(odd<name>)"])
make("nvt-newer", ["Requires: nvt-base > 1:1.0-2"])

/** Runs shell code where `/` has a mirror that nobody reaches, the folder of packages, and a root of dnf's own. */
const run = (code: string) => {
  const root = path.join(folder, "root")
  const scene = `
    for place in /etc/dnf /etc/yum.repos.d /var/lib/nix-vm-test /var/cache/dnf /var/log; do
      mkdir -p "$place"
      mount -t tmpfs none "$place"
    done
    printf '[main]\\ninstallroot=${root}\\nreposdir=/etc/yum.repos.d\\nreleasever=1\\n' >/etc/dnf/dnf.conf
    printf '[mirror]\\nname=mirror\\nbaseurl=http://mirror.invalid/\\n' >/etc/yum.repos.d/mirror.repo
    cp -r ${packages} ${packagesFolder}
    ${code}`
  const namespace = process.getuid?.() === 0 ? ["--mount"] : ["--mount", "--user", "--map-root-user"]
  const ended = spawnSync("unshare", [...namespace, "bash", "-euo", "pipefail", "-c", scene], { encoding: "utf8" })
  const file = path.join(root, "usr/share/nvt-page/file")
  const installed = fs.existsSync(file) ? fs.readFileSync(file, "utf8") : undefined
  return { status: ended.status, said: ended.stdout + ended.stderr, installed }
}

const publish = dnfPackages.publish({ offline: true })

describe("dnfPackages", () => {
  it("says in dnf's words what is lacking", () => {
    const { status, said } = run(publish + dnfPackages.install(["nvt-newer"]))
    assert.strictEqual(status, 1, said)
    assert.include(said, "nothing provides nvt-base > 1:1.0-2 needed by nvt-newer-1:1.0-2.noarch")
  })

  it("installs by name, with what is needed: a package, a file, a capability", () => {
    const { status, said, installed } = run(publish + dnfPackages.install(["nvt-page"]))
    assert.strictEqual(status, 0, said)
    assert.strictEqual(installed, "of nvt-page\n")
  })

  it("sets the other repositories aside, unless they can be reached", () => {
    const list = "ls /etc/yum.repos.d"
    assert.match(run(publish + list).said, /^mirror\.repo\.disabled\nnix-vm-test\.repo$/mu)
    assert.match(run(dnfPackages.publish({ offline: false }) + list).said, /^mirror\.repo\nnix-vm-test\.repo$/mu)
  })

  it("refuses what is for another processor", () => {
    make("nvt-foreign", [], "s390x")
    assert.match(run(publish).said, /nvt-foreign-1\.0\.s390x\.rpm is for s390x, and this guest takes noarch \w+/u)
  })
})
