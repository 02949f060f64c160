/**
 * Makes a guest's disk from Debian's packages: a root file system by mmdebstrap, shared by the recipes of a package set, and a disk
 * put together from it. No root, no loop device; about a minute of CPU for the first, ten seconds for the second.
 */
import { createHash } from "node:crypto"
import * as path from "node:path"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type * as Scope from "effect/Scope"
import type { ChildProcesses } from "../../host/ChildProcesses.ts"
import { agentStartScript } from "@nix-vm-test/agent/AgentUnit"
import { userNetworkMac } from "../../plan/addresses.ts"
import type { CacheDirectoryShape } from "../CacheDirectory.ts"
import { hostRefusal } from "../hostRefusal.ts"
import type { ImageError } from "../ImageError.ts"
import { requirePrograms, runBuilderProcess, scriptDirectory } from "./BuilderProcess.ts"
import { type DebianSources, sourceLines } from "./debianSources.ts"
import type { DiskLayout } from "./DiskLayout.ts"
import { fileSystemTools, type PackageSet } from "./PackageSet.ts"
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

const scriptNames = [
  "rootfs.sh",
  "assemble.sh",
  "partitions.sh",
  "settle.sh",
  "loaders.sh",
  "embed-grub.py",
  "write-lvm.py"
] as const

/** Changes when anything changes that the image is made of, except for newer versions of packages. */
export const buildKey = Effect.fn("ImageBuilder.key")(function* (
  inputs: BuildInputs
): Effect.fn.Return<string, ImageError, FileSystem.FileSystem> {
  const scripts = yield* Effect.forEach(scriptNames, scriptText)
  const { recipe } = inputs
  const settling =
    recipe.variant === "installed"
      ? [inputs.agentUnit, sysvinitScript, maskedUnits, initrdModules, unloadedModules, userNetworkMac]
      : []
  return hash([recipe, scripts, settling])
})

/** What mmdebstrap says it is doing, in its order. */
const systemStages: ReadonlyArray<readonly [said: string, text: string]> = [
  ["I: running apt-get update", "reading Debian's package lists"],
  ["I: downloading packages", "downloading packages"],
  ["I: extracting archives", "unpacking packages"],
  ["I: installing essential packages", "installing essential packages"],
  ["I: installing remaining packages", "installing packages"],
  ["I: creating tarball", "packing the root file system"]
]
const rootfsStages = {
  system: systemStages,
  extract: systemStages.filter(([said]) => !said.startsWith("I: installing"))
} as const satisfies Record<PackageSet["variant"], typeof systemStages>
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
    const known = systemStages.find(([said]) => line.startsWith(said))?.[1]
    const text = known ?? (line.startsWith(assemblyMark) ? line.slice(assemblyMark.length) : undefined)
    if (text !== undefined) this.#tell({ text, done: this.#done++, total: this.#total })
  }
}

interface Workshop extends BuildOptions {
  readonly folder: string
  readonly logPath: string
  readonly readLine: (line: string) => void
}

/** Removes what a namespace's root may have written under ids that are not the user's own. */
const removeTree = (options: { readonly recipe: string; readonly logPath: string; readonly folder: string }) =>
  runBuilderProcess({ ...options, command: ["rm", "-rf", "--one-file-system", options.folder] })

/** An empty folder of this name; one that a killed build left is cleared away first. The caller holds the package set's lock. */
const workFolder = Effect.fnUntraced(function* (options: BuildOptions, logPath: string) {
  const fs = yield* FileSystem.FileSystem
  const folder = `${options.cache.builds}/work-${options.recipe.packages.name}`
  const refused = Effect.mapError(hostRefusal({ operation: "write", path: folder }))
  yield* refused(
    Effect.andThen(fs.makeDirectory(options.cache.builds, { recursive: true }), fs.writeFileString(logPath, ""))
  )
  const clear = removeTree({ recipe: options.recipe.name, logPath, folder })
  yield* clear
  yield* Effect.acquireRelease(refused(fs.makeDirectory(folder)), () => Effect.ignore(clear))
  return folder
})

/** Where the tar of a package set is, or will be. The builder's own tools stay as they are when the archive changes. */
const packedPath = Effect.fnUntraced(function* (options: BuildOptions, set: PackageSet) {
  const release = set.variant === "system" ? options.release : ""
  const key = hash([set, yield* scriptText("rootfs.sh"), release])
  return `${options.cache.builds}/rootfs-${set.name}-${key}.tar.zst`
})

/** Those of older package versions or lists are of no more use. */
const dropOlder = Effect.fnUntraced(
  function* (shop: Workshop, set: PackageSet, kept: string) {
    const fs = yield* FileSystem.FileSystem
    const { builds } = shop.cache
    const own = kept.slice(builds.length + 1)
    // A key holds no `-`, as a longer name of another set would.
    const ofSet = new RegExp(`^rootfs-${set.name}-[^-]+$`, "u")
    const names = yield* fs.readDirectory(builds)
    const older = names.filter((name) => ofSet.test(name) && name !== own)
    yield* Effect.forEach(older, (name) => fs.remove(`${builds}/${name}`), { discard: true })
  },
  (effect) => Effect.ignore(effect)
)

/** Writes files into a folder as into a root directory. */
const writeTree = Effect.fnUntraced(function* (folder: string, files: Readonly<Record<string, string>>) {
  const fs = yield* FileSystem.FileSystem
  yield* fs.makeDirectory(folder, { recursive: true })
  for (const [name, text] of Object.entries(files)) {
    yield* fs.makeDirectory(path.dirname(folder + name), { recursive: true })
    yield* fs.writeFileString(folder + name, text)
  }
})

/** The tar of a package set, made where it is not there. */
const packed = Effect.fnUntraced(function* (shop: Workshop, set: PackageSet) {
  const fs = yield* FileSystem.FileSystem
  const target = yield* packedPath(shop, set)
  const refused = Effect.mapError(hostRefusal({ operation: "write", path: target }))
  if (yield* refused(fs.exists(target))) return target
  const unfinished = `${shop.folder}/${set.name}.tar.zst`
  const files = `${shop.folder}/${set.name}-files`
  yield* refused(writeTree(files, set.files ?? {}))
  yield* runBuilderProcess({
    recipe: shop.recipe.name,
    command: [
      `${scriptDirectory}rootfs.sh`,
      unfinished,
      set.codename,
      set.packages.join(","),
      ...sourceLines({ sources: shop.sources, ...set })
    ],
    env: { TMPDIR: shop.folder, VARIANT: set.variant === "system" ? "apt" : "extract", FILES: files },
    logPath: shop.logPath,
    onLine: shop.readLine
  })
  yield* refused(fs.rename(unfinished, target))
  yield* dropOlder(shop, set, target)
  return target
})

const needsTools = ({ root, boot }: DiskLayout): boolean => root !== "ext4" || boot === "xfs"

const packageSets = ({ packages, layout }: Recipe): ReadonlyArray<PackageSet> =>
  needsTools(layout) ? [packages, fileSystemTools] : [packages]

const partitionLines = (layout: DiskLayout): string =>
  layout.partitions
    .map(({ number, startMiB, sizeMiB = "", role }) => `${number}:${startMiB}:${sizeMiB}:${role}`)
    .join(" ")

/** What init starts in a guest without systemd: the agent, time and again, at once as systemd would. */
const sysvinitScript = `#!/bin/sh
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
while :; do
  (${agentStartScript})
  sleep 0.05
done
`

const assemble = Effect.fnUntraced(function* (shop: Workshop, [rootfs, tools]: ReadonlyArray<string>) {
  const { recipe, agentUnit, folder } = shop
  const { layout } = recipe
  const osRelease = Object.entries(recipe.osRelease ?? {}).map(([name, value]) => `${name}="${value}"\n`)
  const files = {
    [`/${agentUnit.name}`]: agentUnit.text,
    "/agent-script": sysvinitScript,
    "/os-release": osRelease.join("")
  }
  yield* Effect.mapError(writeTree(folder, files), hostRefusal({ operation: "write", path: folder }))
  yield* runBuilderProcess({
    recipe: recipe.name,
    command: [`${scriptDirectory}assemble.sh`, rootfs ?? "", folder],
    env: {
      RECIPE: recipe.name,
      DISK_SIZE: layout.size,
      PARTITIONS: partitionLines(layout),
      ROOT_TYPE: layout.root,
      BOOT_TYPE: layout.boot ?? "",
      VOLUME_GROUP: layout.volumeGroup ?? "",
      KERNEL_ARGUMENTS: recipe.kernelArguments ?? "",
      OS_RELEASE: `${folder}/os-release`,
      SELINUX: recipe.selinux ?? "",
      WITHOUT_MODULES: (recipe.withoutModules ?? []).join(" "),
      TOOLS: tools ?? "",
      QEMU_IMG: shop.imageTool,
      INSTALLED: recipe.variant === "installed" ? "yes" : "",
      AGENT_UNIT: `${folder}/${agentUnit.name}`,
      AGENT_SCRIPT: `${folder}/agent-script`,
      MASKED_UNITS: maskedUnits.join(" "),
      INITRD_MODULES: initrdModules.join(" "),
      UNLOADED_MODULES: unloadedModules.join(" "),
      DHCP_MAC: userNetworkMac
    },
    logPath: shop.logPath,
    onLine: shop.readLine
  })
})

/**
 * Builds an image. Fails as `BuildToolsMissing`, or as `BuildFailed` with the end of the log, which stays in the cache's `builds`. One
 * build per package set at a time: the caller holds a lock.
 */
export const buildImage = Effect.fn("ImageBuilder.build")(function* (
  options: BuildOptions
): Effect.fn.Return<BuiltImage, ImageError, ChildProcesses | FileSystem.FileSystem | Scope.Scope> {
  yield* requirePrograms
  const fs = yield* FileSystem.FileSystem
  const { recipe, cache } = options
  const logPath = `${cache.builds}/${recipe.name}.log`
  const folder = yield* workFolder(options, logPath)
  const refused = Effect.mapError(hostRefusal({ operation: "read", path: folder }))
  const sets = packageSets(recipe)
  const missing = yield* Effect.filter(sets, (set) =>
    Effect.flatMap(packedPath(options, set), (file) => refused(fs.exists(file))).pipe(Effect.map((there) => !there))
  )
  const stageCount = missing.reduce((sum, set) => sum + rootfsStages[set.variant].length, 0)
  const stages = new StageCounter(stageCount + assemblyStages[recipe.variant], options.onStage)
  const shop: Workshop = { ...options, folder, logPath, readLine: stages.readLine }
  yield* assemble(shop, yield* Effect.forEach(sets, (set) => packed(shop, set)))
  const commandLine = yield* refused(fs.readFileString(`${folder}/command-line`))
  return { disk: `${folder}/disk.qcow2`, kernel: `${folder}/kernel`, initrd: `${folder}/initrd`, commandLine }
})
