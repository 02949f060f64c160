/** A real image store on a cache of the test's own. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Layer from "effect/Layer"
import { ChildProcesses } from "@nix-vm-test/core/host/ChildProcesses"
import { CacheDirectory } from "@nix-vm-test/core/store/CacheDirectory"
import { ImageStore } from "@nix-vm-test/core/store/ImageStore"

export const imageTool = "qemu-img"

/** What the store's own functions need. */
export const storeServices = Layer.mergeAll(NodeServices.layer, ChildProcesses.layer, FetchHttpClient.layer)

export const agentUnit = {
  name: "agent.service",
  text: "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n"
}

export const storeAt = (root: string): Layer.Layer<ImageStore> =>
  ImageStore.layer({ imageTool, agentUnit }).pipe(Layer.provide([CacheDirectory.layerAt(root), storeServices]))
