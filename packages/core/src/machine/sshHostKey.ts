/** An SSH host key made on the host, in OpenSSH's own format: in an emulated guest `ssh-keygen` takes a second. */
import { generateKeyPairSync, randomBytes } from "node:crypto"
import { shellQuote } from "./shellQuote.ts"

const field = (bytes: Uint8Array | string): Buffer => {
  const content = Buffer.from(bytes)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(content.length)
  return Buffer.concat([length, content])
}

const number = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

const type = "ssh-ed25519"
/** The block size that the format pads to where nothing is encrypted. */
const block = 8

export interface SshHostKey {
  /** Text of the file, without the last line's end. */
  readonly privateKey: string
  readonly publicKey: string
}

/** A new Ed25519 key pair, as `ssh-keygen -t ed25519 -N ''` writes it (PROTOCOL.key of OpenSSH). */
export const makeSshHostKey = (comment: string): SshHostKey => {
  const pair = generateKeyPairSync("ed25519")
  const { x = "", d = "" } = pair.privateKey.export({ format: "jwk" })
  const open = Buffer.from(x, "base64url")
  const secret = Buffer.from(d, "base64url")
  const publicBlob = Buffer.concat([field(type), field(open)])
  const check = randomBytes(4)
  const inner = [check, check, field(type), field(open), field(Buffer.concat([secret, open])), field(comment)]
  const length = inner.reduce((sum, part) => sum + part.length, 0)
  const padding = Buffer.from(Array.from({ length: (block - (length % block)) % block }, (_, index) => index + 1))
  const blob = Buffer.concat([
    Buffer.from("openssh-key-v1\0"),
    field("none"),
    field("none"),
    field(""),
    number(1),
    field(publicBlob),
    field(Buffer.concat([...inner, padding]))
  ])
  const lines = blob.toString("base64").match(/.{1,70}/gu) ?? []
  return {
    privateKey: ["-----BEGIN OPENSSH PRIVATE KEY-----", ...lines, "-----END OPENSSH PRIVATE KEY-----"].join("\n"),
    publicKey: `${type} ${publicBlob.toString("base64")} ${comment}`
  }
}

/** The same for all machines, so that keys are of one length. */
const comment = "nix-vm-test"

/** Gives a guest with SSH a new host key, by the shell's builtins: over one of the same length, where there is one. */
export const newHostKeyScript = (): string => {
  const { privateKey, publicKey } = makeSshHostKey(comment)
  return `
if [ -d /etc/ssh ]; then
  umask 077
  echo ${shellQuote(privateKey)} 1<>/etc/ssh/ssh_host_ed25519_key
  umask 022
  echo ${shellQuote(publicKey)} 1<>/etc/ssh/ssh_host_ed25519_key.pub
fi
`
}
