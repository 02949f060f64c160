/** Where files are kept between runs: everything in it can be made again, so it is safe to delete. */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"

export interface CacheDirectoryShape {
  readonly root: string
  /** Verified disks, named after their digest, read-only. */
  readonly images: string
  /** Overlays that a preparation boot made. */
  readonly prepared: string
  /** RAM and device state of booted guests. */
  readonly templates: string
  /** What was learnt about QEMU and KVM. */
  readonly probe: string
  /** Logs, root file systems and records of the image builder. */
  readonly builds: string
  /** Verified packages, each in a folder named after its digest. */
  readonly packages: string
  /** Names that users gave to their own images. */
  readonly imported: string
  /** A file for each run that goes on: what it uses stays. */
  readonly runs: string
}

/** The folders below a root. Nothing is made on disk: each is made by the first one who writes into it. */
export const cacheDirectoryAt = (root: string): CacheDirectoryShape => ({
  root,
  images: `${root}/images`,
  prepared: `${root}/prepared`,
  templates: `${root}/templates`,
  probe: `${root}/probe`,
  builds: `${root}/builds`,
  packages: `${root}/packages`,
  imported: `${root}/imported`,
  runs: `${root}/runs`
})

/** An environment variable that names an absolute path; XDG's rules say to ignore relative ones. */
const absolutePath = (name: string) =>
  Effect.orElseSucceed(Config.option(Config.String(name)), Option.none<string>).pipe(
    Effect.map(Option.filter((path) => path.startsWith("/")))
  )

/** `$NIX_VM_TEST_CACHE`, else `nix-vm-test` in `$XDG_CACHE_HOME`, else in `~/.cache`. Without a home it is a folder in `/tmp`. */
const defaultRoot = Effect.gen(function* () {
  const own = yield* absolutePath("NIX_VM_TEST_CACHE")
  if (Option.isSome(own)) return own.value
  const xdg = yield* absolutePath("XDG_CACHE_HOME")
  if (Option.isSome(xdg)) return `${xdg.value}/nix-vm-test`
  const home = yield* absolutePath("HOME")
  return Option.isSome(home) ? `${home.value}/.cache/nix-vm-test` : `/tmp/nix-vm-test-cache-${process.getuid?.() ?? 0}`
})

export class CacheDirectory extends Context.Service<CacheDirectory, CacheDirectoryShape>()(
  "@nix-vm-test/core/CacheDirectory"
) {
  static readonly layer = Layer.effect(CacheDirectory, Effect.map(defaultRoot, cacheDirectoryAt))
  /** A cache at a place of one's own; an absolute path. */
  static readonly layerAt = (root: string): Layer.Layer<CacheDirectory> =>
    Layer.succeed(CacheDirectory, cacheDirectoryAt(root))
}
