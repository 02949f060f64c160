/** Everything that a run needs from this host, wired once. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { EventBus } from "@nix-vm-test/core/events/EventBus"
import { ChildProcesses } from "@nix-vm-test/core/host/ChildProcesses"
import { UnixSockets } from "@nix-vm-test/core/host/UnixSocket"
import { Steps } from "@nix-vm-test/core/machine/Steps"
import { Accelerator } from "@nix-vm-test/core/qemu/Accelerator"
import { KvmProbe } from "@nix-vm-test/core/qemu/KvmProbe"
import { Qemu } from "@nix-vm-test/core/qemu/Qemu"
import { CacheDirectory } from "@nix-vm-test/core/store/CacheDirectory"
import { ImageStore } from "@nix-vm-test/core/store/ImageStore"
import { withImportedImages } from "@nix-vm-test/core/store/withImportedImages"
import { catalogLayer } from "@nix-vm-test/distributions/Catalog"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Layer from "effect/Layer"
import { installedAgentUnit } from "@nix-vm-test/agent/AgentUnit"

const host = Layer.mergeAll(NodeServices.layer, UnixSockets.layer, ChildProcesses.layer, FetchHttpClient.layer)

const cache = CacheDirectory.layer.pipe(Layer.provide(host))

const qemu = Layer.unwrap(Effect.map(CacheDirectory, ({ probe }) => Qemu.layer({ probeDirectory: probe }))).pipe(
  Layer.provide([cache, host])
)

const accelerator = Accelerator.layer.pipe(
  Layer.provide(Layer.unwrap(Effect.map(CacheDirectory, ({ probe }) => KvmProbe.layer({ probeDirectory: probe })))),
  Layer.provide([cache, host, qemu])
)

const images = Layer.unwrap(
  Effect.map(Qemu, ({ imageTool }) => ImageStore.layer({ imageTool, agentUnit: installedAgentUnit() }))
).pipe(Layer.provide([cache, host, qemu]))

const catalog = withImportedImages.pipe(Layer.provide([catalogLayer, cache, host]))

const events = Steps.layer.pipe(Layer.provideMerge(EventBus.layer))

/** The run's services; building them finds QEMU and fails when there is none. */
export const runServices = Layer.mergeAll(host, cache, qemu, accelerator, images, events, catalog)
