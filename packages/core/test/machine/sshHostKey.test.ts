import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { afterAll, assert, describe, it } from "@effect/vitest"
import { makeSshHostKey } from "@nix-vm-test/core/machine/sshHostKey"

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "nvt-ssh-"))
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

/** A new key in a file that OpenSSH accepts as one. */
const written = (name: string): { readonly file: string; readonly publicKey: string } => {
  const { privateKey, publicKey } = makeSshHostKey(name)
  const file = path.join(folder, name)
  fs.writeFileSync(file, `${privateKey}\n`, { mode: 0o600 })
  return { file, publicKey }
}

/** What OpenSSH reads out of the private key's file. */
const publicOf = (file: string): string =>
  execFileSync("ssh-keygen", ["-y", "-P", "", "-f", file], { encoding: "utf8" })

describe("an SSH host key", () => {
  it("is one for OpenSSH, and its two halves belong together", () => {
    // Comments of all lengths: the format pads to blocks of eight.
    for (let length = 1; length <= 9; length++) {
      const { file, publicKey } = written("x".repeat(length))
      assert.strictEqual(publicOf(file), `${publicKey}\n`)
      assert.match(publicKey, /^ssh-ed25519 [A-Za-z0-9+/=]+ x+$/u)
    }
  })

  it("signs what its public half verifies", () => {
    const { file, publicKey } = written("signer")
    const message = path.join(folder, "message")
    fs.writeFileSync(message, "hello")
    execFileSync("ssh-keygen", ["-Y", "sign", "-n", "file", "-f", file, message], { stdio: "ignore" })
    const signers = path.join(folder, "signers")
    fs.writeFileSync(signers, `host ${publicKey}\n`)
    const verdict = execFileSync(
      "ssh-keygen",
      ["-Y", "verify", "-n", "file", "-f", signers, "-I", "host", "-s", `${message}.sig`],
      { input: "hello", encoding: "utf8" }
    )
    assert.match(verdict, /^Good "file" signature/u)
  })

  it("is of the length of the others, so that one can be written over another", () => {
    const keys = Array.from({ length: 50 }, () => makeSshHostKey("vm"))
    assert.strictEqual(new Set(keys.map(({ privateKey }) => privateKey.length)).size, 1)
    assert.strictEqual(new Set(keys.map(({ publicKey }) => publicKey.length)).size, 1)
  })

  it("is another one each time", () => {
    const keys = Array.from({ length: 5 }, () => makeSshHostKey("vm").publicKey)
    assert.strictEqual(new Set(keys).size, keys.length)
  })
})
