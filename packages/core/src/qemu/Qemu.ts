/** The QEMU of this machine: where it is, what it can do, and a key that changes when it does. */
import { createHash } from "node:crypto"
import { dirname } from "node:path"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { ChildProcesses } from "../host/ChildProcesses.ts"
import type { Architecture } from "../spec/Image.ts"
import { hostArchitecture } from "./hostArchitecture.ts"
import * as ProbeCache from "./ProbeCache.ts"
import { QemuError } from "./QemuError.ts"
import { askQemu, QemuFacts } from "./QemuFacts.ts"

/** One QEMU binary and what it says of itself. */
export interface QemuBinary extends QemuFacts {
  /** Path of `qemu-system-ARCHITECTURE`, links resolved. */
  readonly binary: string
  /** The guests that it runs. */
  readonly architecture: Architecture
  /** For cache keys: 16 hexadecimal digits that stand for this file (path, size, time) and its version. */
  readonly buildId: string
}

export interface QemuShape extends QemuBinary {
  /** Path of `qemu-img`. */
  readonly imageTool: string
}

export interface QemuOptions {
  /** Where answers are remembered: the cache's `probe` folder. */
  readonly probeDirectory: string
  /** Default: the host's own. */
  readonly architecture?: Architecture | undefined
}

const packages = {
  x86_64: "qemu-system-x86",
  aarch64: "qemu-system-arm"
} as const satisfies Record<Architecture, string>

const isExecutable = Effect.fnUntraced(function* (path: string) {
  const fs = yield* FileSystem.FileSystem
  const info = yield* Effect.option(fs.stat(path))
  return Option.isSome(info) && info.value.type === "File" && (info.value.mode & 0o111) !== 0
})

const searchPath = Config.String("PATH").pipe(
  Effect.map((path) => path.split(":").filter((directory) => directory.startsWith("/"))),
  Effect.orElseSucceed(() => [])
)

export interface FindOptions {
  readonly program: string
  /** Directories to look in before `PATH`. */
  readonly first?: ReadonlyArray<string> | undefined
  /** What to do when it is missing. */
  readonly hint: string
}

/** Finds a program. Fails as `NotFound`, with the directories that were searched. */
export const findProgram = Effect.fn("Qemu.findProgram")(function* (
  options: FindOptions
): Effect.fn.Return<string, QemuError, FileSystem.FileSystem> {
  const searched = [...(options.first ?? []), ...(yield* searchPath)]
  for (const directory of searched) {
    const path = `${directory}/${options.program}`
    if (yield* isExecutable(path)) return path
  }
  return yield* new QemuError({ reason: { _tag: "NotFound", program: options.program, searched, hint: options.hint } })
})

/** Finds the QEMU binary: `$NIX_VM_TEST_QEMU` where it is set, else `qemu-system-ARCHITECTURE` on `PATH`. */
export const findQemu = Effect.fn("Qemu.find")(function* (
  architecture: Architecture
): Effect.fn.Return<string, QemuError, FileSystem.FileSystem> {
  const named = yield* Effect.orElseSucceed(Config.option(Config.String("NIX_VM_TEST_QEMU")), Option.none)
  if (Option.isNone(named) || named.value === "") {
    return yield* findProgram({ program: `qemu-system-${architecture}`, hint: `apt install ${packages[architecture]}` })
  }
  if (yield* isExecutable(named.value)) return named.value
  return yield* new QemuError({
    reason: {
      _tag: "NotFound",
      program: named.value,
      searched: [named.value],
      hint: "NIX_VM_TEST_QEMU names it: no executable file is there"
    }
  })
})

/** Finds `qemu-img`: beside the QEMU binary where one is given, else on `PATH`. */
export const findImageTool = (binary?: string): Effect.Effect<string, QemuError, FileSystem.FileSystem> =>
  findProgram({
    program: "qemu-img",
    first: binary === undefined ? [] : [dirname(binary)],
    hint: "apt install qemu-utils"
  })

const digest = (parts: ReadonlyArray<string>): string =>
  createHash("sha256").update(parts.join("\0")).digest("hex").slice(0, 16)

/** What tells this file from another, without reading its 15 MB. */
const fileKey = Effect.fnUntraced(function* (path: string) {
  const fs = yield* FileSystem.FileSystem
  const info = yield* fs.stat(path)
  const modified = Option.match(info.mtime, { onNone: () => "", onSome: (time) => String(time.getTime()) })
  return digest([path, String(info.size), modified])
})

/** Looks at a QEMU, or remembers what an earlier look found. */
export const inspectQemu = Effect.fn("Qemu.inspect")(function* (
  options: QemuOptions
): Effect.fn.Return<QemuBinary, QemuError, ChildProcesses | FileSystem.FileSystem> {
  const architecture = options.architecture ?? hostArchitecture
  const fs = yield* FileSystem.FileSystem
  const found = yield* findQemu(architecture)
  const vanished = (cause: { readonly message: string }) =>
    new QemuError({ reason: { _tag: "Unusable", binary: found, detail: cause.message } })
  const binary = yield* Effect.mapError(fs.realPath(found), vanished)
  const key = yield* Effect.mapError(fileKey(binary), vanished)
  const answer = { directory: options.probeDirectory, name: `qemu-${key}`, schema: QemuFacts }
  const known = yield* ProbeCache.recall(answer)
  const facts = Option.isSome(known)
    ? known.value
    : yield* Effect.tap(askQemu(binary), (fresh) => ProbeCache.remember(answer, fresh))
  return { ...facts, binary, architecture, buildId: digest([key, facts.version.text]) }
})

export class Qemu extends Context.Service<Qemu, QemuShape>()("@nix-vm-test/core/Qemu") {
  /** Finds QEMU when the layer is built: about 1 ms when its facts are remembered, else one start of QEMU. */
  static readonly layer = (
    options: QemuOptions
  ): Layer.Layer<Qemu, QemuError, ChildProcesses | FileSystem.FileSystem> =>
    Layer.effect(
      Qemu,
      Effect.gen(function* () {
        const qemu = yield* inspectQemu(options)
        return { ...qemu, imageTool: yield* findImageTool(qemu.binary) }
      })
    )
}
