import type { Image } from "../spec/Image.ts"

/** An image whose verified files are on this machine. */
export interface StoredImage {
  readonly image: Image
  /** Absolute path of the disk; never written to. */
  readonly path: string
  readonly format: "qcow2" | "raw"
  /** Bytes of the disk that the guest sees. */
  readonly virtualSize: number
  /** Identifies the content: a digest, or a hash of everything that it was built from. */
  readonly key: string
  /** For booting the kernel directly, where it was extracted. */
  readonly kernel?: { readonly kernel: string; readonly initrd: string; readonly commandLine: string } | undefined
  /** The image has the agent's unit: it needs no way in. */
  readonly installedAgent: boolean
}
