/** Files in a compressed form: a guest's memory is mostly zeros, which file systems and archives don't always keep as holes. */
import { createHash, type Hash } from "node:crypto"
import { createReadStream, createWriteStream } from "node:fs"
import * as fsp from "node:fs/promises"
import { pipeline } from "node:stream/promises"
import { constants, createZstdCompress, createZstdDecompress } from "node:zlib"
import * as Effect from "effect/Effect"
import { hostFileError, type HostFileError } from "./HostTree.ts"

/** A file as it lies on the disk. */
export interface FileDigest {
  readonly bytes: number
  /** Lower case hexadecimal. */
  readonly sha256: string
}

/** In which holes are looked for. */
const blockBytes = 64 * 1024
const zeros = Buffer.alloc(blockBytes)
/** The level at which more compression costs more time than it saves. */
const level = 3

const attempt = <A>(
  operation: string,
  path: string,
  run: (signal: AbortSignal) => Promise<A>
): Effect.Effect<A, HostFileError> =>
  Effect.tryPromise({ try: run, catch: (error) => hostFileError({ operation, path, error }) })

/** Hands bytes on and takes note of them. */
const noting = (hash: Hash, count: (bytes: number) => void) =>
  async function* (source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of source) {
      hash.update(chunk)
      count(chunk.length)
      yield chunk
    }
  }

/** Runs a pipeline through a note taker. */
const noted = async (run: (note: ReturnType<typeof noting>) => Promise<void>): Promise<FileDigest> => {
  const hash = createHash("sha256")
  let bytes = 0
  await run(noting(hash, (more) => (bytes += more)))
  return { bytes, sha256: hash.digest("hex") }
}

/** Reads a file to its end. */
export const digestFile = (path: string): Effect.Effect<FileDigest, HostFileError> =>
  attempt("read", path, (signal) =>
    noted((note) =>
      pipeline(
        createReadStream(path),
        note,
        async (source: AsyncIterable<Buffer>) => {
          for await (const _ of source);
        },
        { signal }
      )
    )
  )

/** Compresses a file; the digest is that of the compressed one. The same content gives the same bytes. */
export const packFile = (from: string, to: string): Effect.Effect<FileDigest, HostFileError> =>
  attempt("write", to, (signal) =>
    noted((note) =>
      pipeline(
        createReadStream(from, { highWaterMark: 1024 * 1024 }),
        createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: level } }),
        note,
        createWriteStream(to, { flags: "wx" }),
        { signal }
      )
    )
  )

/**
 * Restores a file with its holes, of at most so many bytes, for this user's eyes only. The digest is that of the compressed file, read in the same
 * pass: who uses the result compares it first.
 */
export const unpackFile = (options: {
  readonly from: string
  readonly to: string
  readonly mostBytes: number
}): Effect.Effect<FileDigest, HostFileError> =>
  attempt("unpack", options.from, async (signal) => {
    const target = await fsp.open(options.to, "wx", 0o600)
    let position = 0
    const write = async (source: AsyncIterable<Buffer>): Promise<void> => {
      for await (const chunk of source) {
        if (position + chunk.length > options.mostBytes) throw new Error("it is larger than the guest's memory")
        if (!chunk.equals(zeros.subarray(0, chunk.length))) await target.write(chunk, 0, chunk.length, position)
        position += chunk.length
      }
    }
    try {
      const digest = await noted((note) =>
        pipeline(createReadStream(options.from), note, createZstdDecompress({ chunkSize: blockBytes }), write, {
          signal
        })
      )
      await target.truncate(position)
      return digest
    } finally {
      await target.close()
    }
  })
