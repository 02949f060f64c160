/** Packages that a guest has without network: real ones of Debian's, and some made here. */
import * as path from "node:path"
import { afterAll, assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Guests } from "../support/Guests.ts"
import { makePackageScene } from "../support/packageScene.ts"

const scene = makePackageScene()
afterAll(scene.remove)

const later = scene.make({ name: "nvt-later" })
const machine = { image: "debian:12", memory: "512MiB" }

const guests = Guests.layer(
  {
    machines: {
      vm: {
        ...machine,
        packages: [scene.published, scene.page, later],
        install: ["nvt-page"]
      },
      foreign: { ...machine, packages: [scene.make({ name: "nvt-foreign", architecture: "arm64" })] },
      lacking: {
        ...machine,
        packages: [scene.make({ name: "nvt-lacking", depends: "nvt-absent (>= 2)" })],
        install: ["nvt-lacking"]
      }
    }
  },
  { start: false }
)

layer(guests, { excludeTestServices: true, timeout: "10 minutes" })("packages of a machine", (it) => {
  const installed = (name: string) =>
    Effect.flatMap(Guests, ({ machine: named }) =>
      named("vm").exec(`test "$(dpkg-query --show --showformat='\${db:Status-Status}' ${name})" = installed`, {
        strict: false
      })
    ).pipe(Effect.map(({ exitCode }) => exitCode === 0))

  it.effect("are installed before the script, with what they depend on, and no others", () =>
    Effect.gen(function* () {
      const { runMachine } = yield* Guests
      yield* runMachine("vm").power.start
      const names = ["nvt-page", "libjs-jquery-ui", "libjs-jquery", "nvt-later"]
      assert.deepStrictEqual(yield* Effect.forEach(names, installed), [true, true, true, false])
      assert.strictEqual(yield* runMachine("vm").machine.succeed("cat /usr/share/nvt-page/file"), "of nvt-page\n")
    })
  )

  it.effect("can be installed by the script, by name and by file, without waiting for a network", () =>
    Effect.gen(function* () {
      const vm = (yield* Guests).machine("vm")
      const update = yield* vm.succeed("apt-get update 2>&1")
      assert.notInclude(update, "http")
      yield* vm.succeed("apt-get remove --yes libjs-jquery")
      assert.isFalse(yield* installed("nvt-page"))
      yield* vm.copyFromHost(later, `/root/${path.basename(later)}`)
      yield* vm.succeed(`cd /root && apt-get install --yes './${path.basename(later)}'`)
      yield* vm.succeed("apt-get install --yes nvt-page=1:1.0")
      const names = ["nvt-page", "nvt-later", "libjs-jquery-ui", "libjs-jquery"]
      assert.deepStrictEqual(yield* Effect.forEach(names, installed), [true, true, true, true])
    })
  )

  it.effect("end the start if they are for another processor", () =>
    Effect.gen(function* () {
      const { runMachine } = yield* Guests
      const error = yield* Effect.flip(runMachine("foreign").power.start)
      assert.include(error.message, "nvt-foreign_1%3a1.0_arm64.deb is for arm64, and this guest takes all amd64")
    })
  )

  it.effect("end the start in apt's words if something is lacking", () =>
    Effect.gen(function* () {
      const { runMachine } = yield* Guests
      const error = yield* Effect.flip(runMachine("lacking").power.start)
      assert.include(error.message, "installing nvt-lacking")
      assert.include(JSON.stringify(error.evidence), "Depends: nvt-absent (>= 2) but it is not installable")
    })
  )
})
