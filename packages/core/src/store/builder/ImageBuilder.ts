/**
 * Makes a guest's disk from Debian's packages: a root file system by mmdebstrap, shared by the recipes of a suite, and a disk put
 * together from it. No root, no loop device; about a minute of CPU for the first, ten seconds for the second.
 */
import { createHash } from "node:crypto"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type * as Scope from "effect/Scope"
import type { ChildProcesses } from "../../host/ChildProcesses.ts"
import { userNetworkMac } from "../../plan/addresses.ts"
import type { CacheDirectoryShape } from "../CacheDirectory.ts"
import { hostRefusal } from "../hostRefusal.ts"
import type { ImageError } from "../ImageError.ts"
import { requirePrograms, runBuilderProcess, scriptDirectory } from "./BuilderProcess.ts"
import { type DebianSources, sourceLines } from "./debianSources.ts"
import { initrdModules, maskedUnits, type Recipe, unloadedModules } from "./Recipe.ts"

/** The systemd unit that starts the agent in an installed guest. */
export interface AgentUnit {
  /** Such as `agent.service`. */
  readonly name: string
  readonly text: string
}

/** The parts of a build that decide what comes out, but for the packages' own versions. */
export interface BuildInputs {
  readonly recipe: Recipe
  readonly agentUnit: AgentUnit
}

export interface BuildStage {
  readonly text: string
  /** Stages that are over, of `total`. */
  readonly done: number
  readonly total: number
}

export interface BuildOptions extends BuildInputs {
  readonly cache: CacheDirectoryShape
  readonly imageTool: string
  readonly sources: DebianSources
  /** State of the archive: part of the root file system's key. */
  readonly release: string
  readonly onStage?: ((stage: BuildStage) => void) | undefined
}

/** What was built: files in a folder that goes away with the Scope. */
export interface BuiltImage {
  readonly disk: string
  readonly kernel: string
  readonly initrd: string
  readonly commandLine: string
}

const hash = (value: unknown): string => createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 32)

const scriptText = (name: string) =>
  FileSystem.FileSystem.use((fs) => fs.readFileString(scriptDirectory + name)).pipe(
    Effect.mapError(hostRefusal({ operation: "read", path: scriptDirectory + name }))
  )

/** Changes when anything changes that the image is made of, except for newer versions of packages. */
export const buildKey = Effect.fn("ImageBuilder.key")(function* (
  inputs: BuildInputs
): Effect.fn.Return<string, ImageError, FileSystem.FileSystem> {
  const scripts = yield* Effect.forEach(["rootfs.sh", "assemble.sh", "embed-grub.py"], scriptText)
  const { recipe } = inputs
  const settling =
    recipe.variant === "installed"
      ? [inputs.agentUnit, maskedUnits, initrdModules, unloadedModules, userNetworkMac]
      : []
  return hash([recipe, scripts, settling])
})

/** What mmdebstrap says it is doing, in its order. */
const rootfsStages: ReadonlyArray<readonly [said: string, text: string]> = [
  ["I: running apt-get update", "reading Debian's package lists"],
  ["I: downloading packages", "downloading packages"],
  ["I: extracting archives", "unpacking packages"],
  ["I: installing essential packages", "installing essential packages"],
  ["I: installing remaining packages", "installing packages"],
  ["I: creating tarball", "packing the root file system"]
]
const assemblyMark = "@stage "
const assemblyStages = { installed: 5, stock: 4 } as const satisfies Record<Recipe["variant"], number>

/** Counts the stages of a build and tells each as it begins. */
class StageCounter {
  #done = 0
  readonly #total: number
  readonly #tell: (stage: BuildStage) => void
  constructor(total: number, tell: ((stage: BuildStage) => void) | undefined) {
    this.#total = total
    this.#tell = tell ?? (() => {})
  }
  readonly readLine = (line: string): void => {
    const known = rootfsStages.find(([said]) => line.startsWith(said))?.[1]
    const text = known ?? (line.startsWith(assemblyMark) ? line.slice(assemblyMark.length) : undefined)
    if (text !== undefined) this.#tell({ text, done: this.#done++, total: this.#total })
  }
}

interface Workshop extends BuildOptions {
  readonly folder: string
  readonly logPath: string
  readonly rootfs: string
}

/** Removes what a namespace's root may have written under ids that are not the user's own. */
const removeTree = (options: { readonly recipe: string; readonly logPath: string; readonly folder: string }) =>
  runBuilderProcess({ ...options, command: ["rm", "-rf", "--one-file-system", options.folder] })

/** An empty folder of this name; one that a killed build left is cleared away first. The caller holds the suite's lock. */
const workFolder = Effect.fnUntraced(function* (options: BuildOptions, logPath: string) {
  const fs = yield* FileSystem.FileSystem
  const folder = `${options.cache.builds}/work-${options.recipe.suite.codename}`
  const refused = Effect.mapError(hostRefusal({ operation: "write", path: folder }))
  yield* refused(
    Effect.andThen(fs.makeDirectory(options.cache.builds, { recursive: true }), fs.writeFileString(logPath, ""))
  )
  const clear = removeTree({ recipe: options.recipe.name, logPath, folder })
  yield* clear
  yield* Effect.acquireRelease(refused(fs.makeDirectory(folder)), () => Effect.ignore(clear))
  return folder
})

const rootfsName = Effect.fnUntraced(function* (options: BuildOptions) {
  const { suite } = options.recipe
  return `rootfs-${suite.codename}-${hash([suite.packages, yield* scriptText("rootfs.sh"), options.release])}.tar.zst`
})

/** Root file systems of older package versions or lists are of no more use. */
const dropOlderRootfs = Effect.fnUntraced(
  function* (shop: Workshop) {
    const fs = yield* FileSystem.FileSystem
    const { builds } = shop.cache
    const own = shop.rootfs.slice(builds.length + 1)
    const older = (name: string) => name.startsWith(`rootfs-${shop.recipe.suite.codename}-`) && name !== own
    const names = yield* fs.readDirectory(builds)
    yield* Effect.forEach(names.filter(older), (name) => fs.remove(`${builds}/${name}`), { discard: true })
  },
  (effect) => Effect.ignore(effect)
)

const makeRootfs = Effect.fnUntraced(function* (shop: Workshop, readLine: (line: string) => void) {
  const fs = yield* FileSystem.FileSystem
  const { suite } = shop.recipe
  const unfinished = `${shop.folder}/rootfs.tar.zst`
  yield* runBuilderProcess({
    recipe: shop.recipe.name,
    command: [
      `${scriptDirectory}rootfs.sh`,
      unfinished,
      suite.codename,
      suite.packages.join(","),
      ...sourceLines(shop.sources, suite.codename)
    ],
    env: { TMPDIR: shop.folder },
    logPath: shop.logPath,
    onLine: readLine
  })
  yield* Effect.mapError(fs.rename(unfinished, shop.rootfs), hostRefusal({ operation: "write", path: shop.rootfs }))
  yield* dropOlderRootfs(shop)
})

const assemble = Effect.fnUntraced(function* (shop: Workshop, readLine: (line: string) => void) {
  const fs = yield* FileSystem.FileSystem
  const { recipe, agentUnit, folder } = shop
  const unitPath = `${folder}/${agentUnit.name}`
  yield* Effect.mapError(
    fs.writeFileString(unitPath, agentUnit.text),
    hostRefusal({ operation: "write", path: unitPath })
  )
  yield* runBuilderProcess({
    recipe: recipe.name,
    command: [`${scriptDirectory}assemble.sh`, shop.rootfs, folder],
    env: {
      RECIPE: recipe.name,
      DISK_SIZE: recipe.diskSize,
      EXT4_OPTIONS: recipe.suite.ext4Options,
      QEMU_IMG: shop.imageTool,
      AGENT_UNIT: recipe.variant === "installed" ? unitPath : "",
      MASKED_UNITS: maskedUnits.join(" "),
      INITRD_MODULES: initrdModules.join(" "),
      UNLOADED_MODULES: unloadedModules.join(" "),
      DHCP_MAC: userNetworkMac
    },
    logPath: shop.logPath,
    onLine: readLine
  })
})

/**
 * Builds an image. Fails as `BuildToolsMissing`, or as `BuildFailed` with the end of the log, which stays in the cache's `builds`. One
 * build per suite at a time: the caller holds a lock.
 */
export const buildImage = Effect.fn("ImageBuilder.build")(function* (
  options: BuildOptions
): Effect.fn.Return<BuiltImage, ImageError, ChildProcesses | FileSystem.FileSystem | Scope.Scope> {
  yield* requirePrograms
  const fs = yield* FileSystem.FileSystem
  const { recipe, cache } = options
  const logPath = `${cache.builds}/${recipe.name}.log`
  const folder = yield* workFolder(options, logPath)
  const shop: Workshop = { ...options, folder, logPath, rootfs: `${cache.builds}/${yield* rootfsName(options)}` }
  const refused = Effect.mapError(hostRefusal({ operation: "read", path: folder }))
  const haveRootfs = yield* refused(fs.exists(shop.rootfs))
  const stages = new StageCounter(
    (haveRootfs ? 0 : rootfsStages.length) + assemblyStages[recipe.variant],
    options.onStage
  )
  if (!haveRootfs) yield* makeRootfs(shop, stages.readLine)
  yield* assemble(shop, stages.readLine)
  const commandLine = yield* refused(fs.readFileString(`${folder}/command-line`))
  return { disk: `${folder}/disk.qcow2`, kernel: `${folder}/kernel`, initrd: `${folder}/initrd`, commandLine }
})
