/**
 * Real guests for VM tests: booted once for a block of tests, which share them. A test must leave the guest as it found it, or own it.
 */
import * as fs from "node:fs/promises"
import * as os from "node:os"
import * as path from "node:path"
import type { Event } from "@nix-vm-test/core/events/Event"
import { EventBus } from "@nix-vm-test/core/events/EventBus"
import type { Machine } from "@nix-vm-test/core/machine/Machine"
import type { NetworkSwitch } from "@nix-vm-test/core/net/NetworkSwitch"
import { openMachines } from "@nix-vm-test/core/run/openMachines"
import type { RunMachine } from "@nix-vm-test/core/run/RunMachine"
import { decodeSpec } from "@nix-vm-test/core/spec/decodeSpec"
import type { TestSpecInput } from "@nix-vm-test/core/spec/TestSpec"
import type { ImageCatalog } from "@nix-vm-test/core/store/ImageCatalog"
import { runServices } from "@nix-vm-test/driver/run/services"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Record from "effect/Record"
import * as Stream from "effect/Stream"
import { defaultStart } from "./defaultStart.ts"
import { useCache } from "./ownCache.ts"

export interface GuestsShape {
  /** The handle of a machine of the spec. */
  readonly machine: (name: string) => Machine
  /** The same with what a run knows besides. */
  readonly runMachine: (name: string) => RunMachine
  /** The switches of the spec's networks. */
  readonly networks: NetworkSwitch | undefined
  /** All events so far. */
  readonly events: () => ReadonlyArray<Event>
  /** Where copies to the host go; gone with the block. */
  readonly outputDirectory: string
}

export interface GuestsOptions {
  /** Boots the machines before the first test (default), else a test does. */
  readonly start?: boolean
  /** What the spec's images are, in place of the registry's. */
  readonly catalog?: Layer.Layer<ImageCatalog>
  /** Folder of the images' cache, in place of the user's. */
  readonly cache?: string
}

const servicesFor = ({ catalog, cache }: GuestsOptions) => {
  const services = cache === undefined ? runServices : Layer.provide(runServices, useCache(cache))
  return catalog === undefined ? services : Layer.provideMerge(catalog, services)
}

const withDefaultStart = (spec: TestSpecInput): TestSpecInput => ({
  ...spec,
  machines: Record.map(spec.machines, (machine) => ({ start: defaultStart, ...machine }))
})

const temporaryFolder = Effect.acquireRelease(
  Effect.promise(() => fs.mkdtemp(path.join(os.tmpdir(), "nvt-test-"))),
  (folder) => Effect.promise(() => fs.rm(folder, { recursive: true, force: true }))
)

export class Guests extends Context.Service<Guests, GuestsShape>()("test/Guests") {
  /** Machines of a spec. */
  static readonly layer = (spec: TestSpecInput, options: GuestsOptions = {}) =>
    Layer.effect(
      Guests,
      Effect.gen(function* () {
        const outputDirectory = yield* temporaryFolder
        const bus = yield* EventBus
        const events: Array<Event> = []
        const stream = yield* bus.subscribe
        yield* Effect.forkScoped(
          Stream.runForEach(stream, (event) => Effect.sync(() => events.push(event))),
          { startImmediately: true }
        )
        const { machines, networks } = yield* openMachines({
          spec: yield* Effect.fromResult(decodeSpec({ spec: withDefaultStart(spec), origin: "the test" })),
          baseDirectory: import.meta.dirname,
          outputDirectory
        })
        if (options.start !== false) {
          yield* Effect.forEach(machines, ({ power }) => power.start, { concurrency: "unbounded", discard: true })
        }
        const runMachine = (name: string): RunMachine => {
          const found = machines.find(({ machine }) => machine.name === name)
          if (found === undefined) throw new Error(`the spec has no machine ${name}`)
          return found
        }
        return Guests.of({
          runMachine,
          networks,
          machine: (name) => runMachine(name).machine,
          events: () => events,
          outputDirectory
        })
      })
    ).pipe(Layer.provideMerge(servicesFor(options)))
}
