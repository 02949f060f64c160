/** A template in the cache, ready to be cloned: from a folder that the user gave, else from this host's own making. */
import * as Effect from "effect/Effect"
import { EventBus } from "../events/EventBus.ts"
import { Qemu } from "../qemu/Qemu.ts"
import { collectGarbage } from "../store/collectGarbage.ts"
import { adoptShipped, type ShippedTemplate } from "../store/ShippedTemplate.ts"
import { makeTemplate, type MakeTemplateOptions } from "./makeTemplate.ts"
import { TemplateError } from "./TemplateError.ts"
import { templatesLimit } from "./templatesLimit.ts"

export interface ObtainTemplateOptions extends MakeTemplateOptions {
  readonly shipped?: ShippedTemplate | undefined
}

const adopt = Effect.fnUntraced(function* (shipped: ShippedTemplate, { plan }: ObtainTemplateOptions) {
  const { imageTool } = yield* Qemu
  const bus = yield* EventBus
  const maxBytes = yield* templatesLimit
  const template = yield* adoptShipped({ shipped, base: plan.disk.image, imageTool }).pipe(
    Effect.mapError(({ message }) => new TemplateError({ step: "taking it from its folder", detail: message }))
  )
  yield* bus.publish({
    _tag: "Notice",
    topic: "image",
    machine: plan.name,
    text: `starting from the template ${shipped.folder}`
  })
  yield* collectGarbage({ kinds: ["template"], maxBytes })
  return template
})

export const obtainTemplate = (options: ObtainTemplateOptions) =>
  options.shipped === undefined ? makeTemplate(options) : adopt(options.shipped, options)
