/** Templates of the user's cache, by which most guests of the tests start, for tests that do harm to one: as copies in caches of their own. */
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { readAgentBinary } from "@nix-vm-test/agent/AgentBinary"
import { hostCpu } from "@nix-vm-test/core/host/hostCpu"
import type { MachinePlan } from "@nix-vm-test/core/plan/MachinePlan"
import { templateIdentity, templateKey } from "@nix-vm-test/core/plan/templateArguments"
import { Qemu } from "@nix-vm-test/core/qemu/Qemu"
import { CacheDirectory } from "@nix-vm-test/core/store/CacheDirectory"
import { type TemplateRecord, templateRecordName } from "@nix-vm-test/core/store/Templates"
import * as Effect from "effect/Effect"
import { makeOwnCache } from "./ownCache.ts"

export interface OwnTemplate {
  /** Root of the cache that has the template. */
  readonly cache: string
  readonly folder: string
}

/** The key of the template of a machine. */
export const keyOf = Effect.fnUntraced(function* (plan: MachinePlan) {
  const { buildId, architecture } = yield* Qemu
  const { sha256 } = yield* Effect.promise(() => readAgentBinary(architecture))
  return templateKey(templateIdentity({ plan, qemuBuildId: buildId, agentDigest: sha256, hostCpu: yield* hostCpu }))
})

/** A cache of the test's own with a copy of one template of the user's cache. */
export const copyTemplate = Effect.fnUntraced(function* (key: string) {
  const { templates } = yield* Effect.provide(CacheDirectory, CacheDirectory.layer)
  const cache = yield* makeOwnCache(["images", "builds", "prepared", "probe"])
  const folder = path.join(cache, "templates", key)
  fs.mkdirSync(path.dirname(folder))
  execFileSync("cp", ["-a", "--reflink=auto", "--sparse=always", path.join(templates, key), folder])
  const own: OwnTemplate = { cache, folder }
  return own
})

/** Changes a template in a way that its record does not show. */
export const alterTemplate = (folder: string, alter: () => void): void => {
  alter()
  const recordPath = path.join(folder, templateRecordName)
  const record: TemplateRecord = JSON.parse(fs.readFileSync(recordPath, "utf8"))
  const seal = (name: string) => {
    const { size, mtimeMs } = fs.statSync(path.join(folder, name))
    // As the store reads it; Node's own Date of it is rounded.
    return { bytes: size, modifiedMs: Math.floor(mtimeMs) }
  }
  const seals = { ram: seal("ram"), state: seal("state"), "disk.qcow2": seal("disk.qcow2") }
  fs.writeFileSync(recordPath, JSON.stringify({ ...record, seals }))
}
