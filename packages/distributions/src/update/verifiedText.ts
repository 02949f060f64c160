/**
 * A file of checksums as its publisher signed it. GnuPG's verifier is asked, which does nothing else: it is on every Debian, and reads every kind
 * of key that publishers use. A key that a signature needs is fetched, and believed for its fingerprint alone.
 */
import * as path from "node:path"
import { ChildProcesses } from "@nix-vm-test/core/host/ChildProcesses"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import { IndexReader } from "./IndexReader.ts"
import type { Signature } from "./Publisher.ts"
import { UpdateError } from "./UpdateError.ts"

export interface VerifiedText {
  readonly text: string
  /** Fingerprint of the primary key; absent where the publisher signs nothing. */
  readonly signedBy?: string
}

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

/** The bytes that an armored block stands for. */
const dearmored = (armored: string): ReadonlyArray<Uint8Array> =>
  [...armored.matchAll(/-----BEGIN PGP [^-]+-----\r?\n([^]*?)-----END PGP/gu)].map(([, block = ""]) => {
    // Headers end with an empty line; the checksum at the end begins with "=".
    const body = block.replace(/^(?:[\w-]+: [^\n]*\n)*\s*\n/u, "").replace(/^=.*$/mu, "")
    return Buffer.from(body, "base64")
  })

/** A keyring as the verifier wants it: armor taken off. */
const keyring = (key: Uint8Array): ReadonlyArray<Uint8Array> => {
  const blocks = dearmored(textOf(key))
  return blocks.length > 0 ? blocks : [key]
}

/** The trusted key among those that made good signatures. A key that has ended or was given up makes none. */
const signerIn = (status: string, fingerprints: ReadonlyArray<string>): string | undefined => {
  let isGood = false
  for (const line of status.split("\n")) {
    const [, keyword, ...words] = line.split(" ")
    if (keyword === "NEWSIG") isGood = false
    if (keyword === "GOODSIG") isGood = true
    // The last word is the primary key's fingerprint, whose subkey may have signed.
    const primary = words.at(-1)
    if (keyword === "VALIDSIG" && isGood && primary !== undefined && fingerprints.includes(primary)) return primary
  }
  return undefined
}

/** The verifier's words for signatures that don't count. */
const problems: Readonly<Record<string, string>> = {
  BADSIG: "the text is another than was signed",
  NO_PUBKEY: "it was signed by another key",
  EXPSIG: "the signature has expired",
  EXPKEYSIG: "the key that signed it has expired",
  REVKEYSIG: "the key that signed it was revoked"
}

const problemIn = (status: string, stderr: string): string =>
  status.split("\n").flatMap((line) => problems[line.split(" ")[1] ?? ""] ?? [])[0] ??
  stderr.trim().split("\n").slice(-2).join("; ")

interface SignedFile {
  readonly url: string
  readonly content: Uint8Array
  readonly signature: Signature
}

const verify = Effect.fnUntraced(function* ({ url, content, signature }: SignedFile) {
  const fs = yield* FileSystem.FileSystem
  const { read } = yield* IndexReader
  const notSigned = (why: string) => new UpdateError({ reason: { _tag: "NotSigned", url, why } })
  const folder = yield* fs.makeTempDirectoryScoped({ prefix: "nvt-signature-" })
  const file = (name: string) => path.join(folder, name)

  const keys = yield* Effect.forEach([...new Set(signature.keys.map((key) => key.url))], (address) =>
    read(address, "anyone")
  )
  const found = keys.flatMap((key) => (Option.isSome(key) ? keyring(key.value) : []))
  if (found.length === 0) return yield* notSigned(`no key was found at ${signature.keys[0].url}`)
  yield* fs.writeFile(file("keys.gpg"), Buffer.concat(found))
  yield* fs.writeFile(file("content"), content)
  const proof: Array<string> = []
  if (signature._tag === "Detached") {
    const detached = yield* read(`${url}${signature.suffix}`, "anyone")
    if (Option.isNone(detached)) return yield* notSigned(`its signature ${url}${signature.suffix} is not there`)
    yield* fs.writeFile(file("signature"), detached.value)
    proof.push(file("signature"), file("content"))
  } else proof.push("--output", file("signed"), file("content"))
  const { stdout, stderr, exit } = yield* (yield* ChildProcesses).run({
    command: "gpgv",
    args: ["--homedir", folder, "--status-fd", "1", "--keyring", file("keys.gpg"), ...proof],
    timeoutMs: 60_000
  })
  if (Option.exists(exit, ({ code }) => code === 126 || code === 127)) {
    return yield* notSigned('signatures are verified by "gpgv", which is not installed (apt install gpgv)')
  }
  const fingerprints = signature.keys.map((key) => key.fingerprint)
  const signedBy = signerIn(stdout, fingerprints)
  if (signedBy === undefined) {
    return yield* notSigned(`no good signature by ${fingerprints.join(" or ")}: ${problemIn(stdout, stderr)}`)
  }
  // Of a text that is signed within itself, only what the signature covers counts.
  const text = textOf(signature._tag === "Detached" ? content : yield* fs.readFile(file("signed")))
  const verified: VerifiedText = { text, signedBy }
  return verified
}, Effect.scoped)

/** The text at an address; none where there is no such file. Fails where it is not signed as it should be. */
export const verifiedText = Effect.fn("update.verifiedText")(function* (url: string, signature: Signature | undefined) {
  const content = yield* (yield* IndexReader).read(url, signature === undefined ? "host" : "anyone")
  if (Option.isNone(content)) return Option.none<VerifiedText>()
  if (signature === undefined) return Option.some<VerifiedText>({ text: textOf(content.value) })
  return yield* verify({ url, content: content.value, signature }).pipe(
    Effect.catchTag(["PlatformError", "SpawnError"], (error) =>
      Effect.fail(new UpdateError({ reason: { _tag: "NotSigned", url, why: error.message } }))
    ),
    Effect.asSome
  )
})
