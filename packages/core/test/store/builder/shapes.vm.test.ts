/** The guests in the shapes of families let the agent in, each in its own way, and are what their facts say. */
import { assert, layer } from "@effect/vitest"
import type { Machine } from "@nix-vm-test/core/machine/Machine"
import type { ImageFacts } from "@nix-vm-test/core/spec/Image"
import * as Effect from "effect/Effect"
import { Guests } from "../../support/Guests.ts"
import { stockCatalog } from "../../support/stockCatalog.ts"

/** With the memory that other tests give them, so that all start from the same templates. Debian 12 and 13 have tests of their own. */
const shapes = {
  "debian-11-stock": "512MiB",
  "ubuntu-shape": "512MiB",
  "fedora-shape": "768MiB",
  "rocky-shape": "768MiB",
  "rocky-bare-shape": "768MiB",
  "rocky-lvm-shape": "768MiB",
  "sysvinit-shape": "768MiB"
}

const hasModule = (vm: Machine, module: string) =>
  vm.exec(`modprobe ${module}`, { strict: false }).pipe(Effect.map((result) => result.exitCode === 0))

const initNames = { systemd: "systemd", openrc: "init", sysvinit: "init" } as const satisfies Record<
  ImageFacts["init"],
  string
>

/** What a guest itself says of the facts that are known of it. */
const checkFacts = Effect.fnUntraced(function* (vm: Machine, facts: ImageFacts) {
  assert.strictEqual((yield* vm.succeed("cat /proc/1/comm")).trim(), initNames[facts.init])
  const [device = "", type] = (yield* vm.succeed("findmnt --noheadings --output SOURCE,FSTYPE /")).trim().split(/\s+/u)
  assert.strictEqual(type, facts.rootFilesystem)
  assert.strictEqual(device.startsWith("/dev/mapper/"), facts.lvm, device)
  const enforce = (yield* vm.succeed("cat /sys/fs/selinux/enforce 2>/dev/null || echo none")).trim()
  assert.strictEqual(enforce, { none: "none", permissive: "0", enforcing: "1" }[facts.selinux])
  assert.strictEqual(yield* hasModule(vm, "9p"), facts.ninep)
  assert.strictEqual(yield* hasModule(vm, "virtiofs"), facts.virtiofs)
  if (facts.systemd !== undefined) {
    assert.match(yield* vm.succeed("systemctl --version"), new RegExp(`^systemd ${facts.systemd} `, "u"))
  }
  yield* vm.waitUntilSucceeds("ip -4 -oneline address show scope global | grep -F ' 10.0.2.15/'")
})

for (const [image, memory] of Object.entries(shapes)) {
  layer(Guests.layer({ machines: { guest: { image, memory } } }, { catalog: stockCatalog }), {
    excludeTestServices: true,
    timeout: "15 minutes"
  })(image, (it) => {
    it.effect("lets the agent in, and is what its facts say", () =>
      Effect.gen(function* () {
        const { machine, runMachine } = yield* Guests
        yield* checkFacts(machine("guest"), runMachine("guest").plan.image.facts)
      })
    )
  })
}
