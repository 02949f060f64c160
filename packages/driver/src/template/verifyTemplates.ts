/** `nix-vm-test template verify`: whether templates are whole, and what they are for. */
import * as path from "node:path"
import { templateHost } from "@nix-vm-test/core/run/shipTemplates"
import { Qemu } from "@nix-vm-test/core/qemu/Qemu"
import { differences } from "@nix-vm-test/core/plan/TemplateIdentity"
import { readShipped, shippedFolders, verifyShipped } from "@nix-vm-test/core/store/ShippedTemplate"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { runServices } from "../run/services.ts"

/** Prints a line for each template; fails at the first that is damaged. */
export const verifyTemplates = Effect.fn("driver.verifyTemplates")(function* (options: { readonly folder: string }) {
  const { qemuBuildId, agentDigest, hostCpu } = yield* templateHost
  const { version } = yield* Qemu
  for (const folder of yield* shippedFolders(path.resolve(options.folder))) {
    const shipped = yield* readShipped(folder)
    yield* verifyShipped(shipped)
    const { identity, title, qemu } = shipped.manifest
    // A processor is part of a template only under KVM.
    const here = { ...identity, qemuBuildId, agentDigest, cpu: identity.cpu === "" ? "" : hostCpu }
    const why = differences(identity, here)
    yield* Console.log(`${folder}: whole: ${title}, by QEMU ${qemu}`)
    yield* Console.log(
      why.length === 0 ? "  fits this host" : `  does not fit this host (QEMU ${version.text}): ${why.join("; ")}`
    )
  }
}, Effect.provide(runServices))
