import { assert, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import { CacheDirectory } from "@nix-vm-test/core/store/CacheDirectory"

const cases: ReadonlyArray<{ readonly env: Record<string, string>; readonly root: RegExp }> = [
  { env: { NIX_VM_TEST_CACHE: "/own", XDG_CACHE_HOME: "/xdg", HOME: "/home/me" }, root: /^\/own$/u },
  { env: { XDG_CACHE_HOME: "/xdg", HOME: "/home/me" }, root: /^\/xdg\/nix-vm-test$/u },
  { env: { HOME: "/home/me" }, root: /^\/home\/me\/\.cache\/nix-vm-test$/u },
  {
    env: { NIX_VM_TEST_CACHE: "", XDG_CACHE_HOME: "relative", HOME: "/home/me" },
    root: /^\/home\/me\/\.cache\/nix-vm-test$/u
  },
  { env: {}, root: /^\/tmp\/nix-vm-test-cache-\d+$/u }
]

it.effect.each(cases)("the cache's place: $env", ({ env, root }) =>
  CacheDirectory.useSync((cache) => {
    assert.match(cache.root, root)
    assert.strictEqual(cache.images, `${cache.root}/images`)
  }).pipe(
    Effect.provide(CacheDirectory.layer),
    Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnvRecord(env))
  )
)
