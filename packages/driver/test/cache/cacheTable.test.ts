import { assert, it } from "@effect/vitest"
import type { CacheEntry } from "@nix-vm-test/core/store/cacheContents"
import { cacheTable } from "@nix-vm-test/driver/cache/cacheTable"

const mebibyte = 1024 ** 2

it("aligns what the cache holds and adds it up", () => {
  const entries: ReadonlyArray<CacheEntry> = [
    {
      kind: "image",
      name: `sha256-${"0123456789abcdef".repeat(4)}`,
      title: undefined,
      bytes: 1500 * mebibyte,
      lastUsed: new Date(2026, 0, 2, 3, 4),
      inUse: false,
      imported: false,
      paths: []
    },
    {
      kind: "template",
      name: "fedcba98765432100123456789abcdef",
      title: "debian:12, 512 MiB, 1 CPU, tcg",
      bytes: 180.2 * mebibyte,
      lastUsed: new Date(2026, 0, 2, 3, 4),
      inUse: true,
      imported: false,
      paths: []
    }
  ]
  assert.strictEqual(
    cacheTable(entries),
    [
      "kind         size  last used         name",
      "image     1.5 GiB  2026-01-02 03:04  sha256-0123456789ab",
      "template  181 MiB  in use            fedcba987654 (debian:12, 512 MiB, 1 CPU, tcg)",
      "total     1.6 GiB"
    ].join("\n")
  )
})
