import { assert, layer } from "@effect/vitest"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import { ChildProcesses } from "@nix-vm-test/core/host/ChildProcesses"
import { runBuilderProcess } from "@nix-vm-test/core/store/builder/BuilderProcess"
import { buildImage, buildKey } from "@nix-vm-test/core/store/builder/ImageBuilder"
import { type Recipe, recipes } from "@nix-vm-test/core/store/builder/Recipe"
import { cacheDirectoryAt } from "@nix-vm-test/core/store/CacheDirectory"
import { agentUnit, imageTool } from "../storeAt.ts"

const recipeNamed = (name: string): Recipe => {
  const recipe = recipes.find((candidate) => candidate.name === name)
  assert.isDefined(recipe)
  return recipe
}

const otherUnit = { ...agentUnit, text: "[Service]\nExecStart=/bin/false\n" }

layer(Layer.merge(NodeFileSystem.layer, ChildProcesses.layer), { excludeTestServices: true })("ImageBuilder", (it) => {
  it.effect("an image's key changes with its recipe, and with the agent's unit where the image has it", () =>
    Effect.gen(function* () {
      const keys = yield* Effect.forEach(recipes, (recipe) => buildKey({ recipe, agentUnit }))
      assert.strictEqual(new Set(keys).size, recipes.length)
      const installed = recipeNamed("debian-12")
      const stock = recipeNamed("debian-12-stock")
      assert.notStrictEqual(
        yield* buildKey({ recipe: installed, agentUnit: otherUnit }),
        yield* buildKey({ recipe: installed, agentUnit })
      )
      assert.strictEqual(
        yield* buildKey({ recipe: stock, agentUnit: otherUnit }),
        yield* buildKey({ recipe: stock, agentUnit })
      )
    })
  )

  it.effect("a process runs as root of its namespace; its lines come out and into the log", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const logPath = `${yield* fs.makeTempDirectoryScoped()}/log`
      const lines: Array<string> = []
      const command = ["sh", "-c", "id -u; mount -t tmpfs none /mnt; echo é"]
      yield* runBuilderProcess({ recipe: "none", command, logPath, onLine: (line) => void lines.push(line) })
      assert.deepStrictEqual(lines, ["0", "é"])
      assert.strictEqual(yield* fs.readFileString(logPath), "0\né\n")
    })
  )

  it.effect("a process that fails shows the end of its log", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const logPath = `${yield* fs.makeTempDirectoryScoped()}/log`
      const command = ["sh", "-c", "seq 100; echo bad thing; exit 3"]
      const error = yield* Effect.flip(runBuilderProcess({ recipe: "mine", command, logPath }))
      assert.strictEqual(error.reason._tag, "BuildFailed")
      assert.match(error.message, /^building mine failed.*\n {2}77\n[^]*bad thing\n {2}exit status 3$/u)
      assert.notInclude(error.message, "\n  75\n")
    })
  )

  it.effect("an interrupted process takes its children with it", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const folder = yield* fs.makeTempDirectoryScoped()
      const beat = `${folder}/beat`
      const command = ["sh", "-c", `(while :; do echo >>${beat}; sleep 0.05; done) & wait`]
      yield* runBuilderProcess({ recipe: "mine", command, logPath: `${folder}/log` }).pipe(
        Effect.timeoutOption("500 millis")
      )
      const lengthAfter = Effect.map(fs.readFile(beat), (content) => content.length)
      const before = yield* lengthAfter
      yield* Effect.sleep("300 millis")
      assert.strictEqual(yield* lengthAfter, before)
      assert.isAbove(before, 0)
    })
  )

  it.effect("a mirror that can't be reached fails the build with a hint, and leaves nothing but the log", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const cache = cacheDirectoryAt(yield* fs.makeTempDirectoryScoped())
      const sources = { mirror: "http://127.0.0.1:9/debian" }
      const build = buildImage({
        recipe: recipeNamed("debian-12-stock"),
        agentUnit,
        cache,
        imageTool,
        sources,
        release: ""
      })
      const error = yield* Effect.flip(Effect.scoped(build))
      assert.strictEqual(error.reason._tag, "BuildFailed")
      assert.include(error.message, "NIX_VM_TEST_DEBIAN_MIRROR")
      assert.deepStrictEqual(yield* fs.readDirectory(cache.builds), ["debian-12-stock.log"])
    })
  )
})
