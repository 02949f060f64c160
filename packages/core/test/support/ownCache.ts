/** Caches of a test's own, so that what the user's cache has already is got anew. */
import * as fs from "node:fs/promises"
import * as os from "node:os"
import * as path from "node:path"
import { CacheDirectory } from "@nix-vm-test/core/store/CacheDirectory"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"

/** `rootfs` is of `builds` what is long to make: the root file systems, without the records of what was built from them. */
type Part = "images" | "prepared" | "builds" | "probe" | "rootfs"

const link = async (from: string, to: string): Promise<void> => {
  await fs.mkdir(from, { recursive: true })
  await fs.symlink(from, to)
}

const linkRootfs = async (from: string, to: string): Promise<void> => {
  await fs.mkdir(from, { recursive: true })
  await fs.mkdir(to)
  for (const name of await fs.readdir(from)) {
    if (name.startsWith("rootfs-")) await fs.symlink(path.join(from, name), path.join(to, name))
  }
}

/** A new folder; the parts named are the user's own ones in it. Gone with the Scope, the user's parts excepted. */
export const makeOwnCache = Effect.fnUntraced(function* (shared: ReadonlyArray<Part>) {
  const user = yield* Effect.provide(CacheDirectory, CacheDirectory.layer)
  const root = yield* Effect.acquireRelease(
    Effect.promise(() => fs.mkdtemp(path.join(os.tmpdir(), "nix-vm-test-cache-"))),
    (folder) => Effect.promise(() => fs.rm(folder, { recursive: true, force: true }))
  )
  yield* Effect.forEach(shared, (part) =>
    Effect.promise(() =>
      part === "rootfs" ? linkRootfs(user.builds, path.join(root, "builds")) : link(user[part], path.join(root, part))
    )
  )
  return root
})

/** Has everything that is built under it use the cache at this root. */
export const useCache = (root: string): Layer.Layer<never> =>
  ConfigProvider.layer(ConfigProvider.fromEnvRecord({ ...process.env, NIX_VM_TEST_CACHE: root }))
