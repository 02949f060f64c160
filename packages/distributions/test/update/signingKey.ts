/** A publisher's key that the test makes itself, and what it signs. */
import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

export class TestKey {
  readonly #home = mkdtempSync(join(tmpdir(), "nvt-gpg-"))
  readonly fingerprint: string

  /** @param lifetime As GnuPG understands it: `never`, or such as `seconds=1`. */
  constructor(lifetime = "never") {
    this.#gpg([
      "--passphrase",
      "",
      "--quick-generate-key",
      "Publisher <images@publisher.test>",
      "ed25519",
      "sign",
      lifetime
    ])
    const [, fingerprint = ""] =
      /^fpr:+([0-9A-F]{40}):/mu.exec(this.#gpg(["--with-colons", "--list-keys"]).toString()) ?? []
    this.fingerprint = fingerprint
  }

  #gpg(args: ReadonlyArray<string>, input = ""): Buffer {
    return execFileSync("gpg", ["--homedir", this.#home, "--batch", "--quiet", "--no-tty", ...args], {
      input,
      stdio: ["pipe", "pipe", "pipe"]
    })
  }

  get armored(): string {
    return this.#gpg(["--armor", "--export"]).toString()
  }

  get binary(): Uint8Array {
    return this.#gpg(["--export"])
  }

  clearsign(text: string): string {
    return this.#gpg(["--clearsign"], text).toString()
  }

  detached(text: string, form: "armored" | "binary" = "binary"): Uint8Array {
    return this.#gpg([...(form === "armored" ? ["--armor"] : []), "--detach-sign"], text)
  }

  remove(): void {
    execFileSync("gpgconf", ["--homedir", this.#home, "--kill", "all"])
    rmSync(this.#home, { recursive: true, force: true })
  }
}
