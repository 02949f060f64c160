/** Starts a machine as a clone of a template: the template is made when it is not there, and thrown away when it does not come to life. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { EventBus } from "../events/EventBus.ts"
import type { GuestError } from "../guest/GuestError.ts"
import * as HostTree from "../host/HostTree.ts"
import { giveIdentity } from "../machine/cloneIdentity.ts"
import { cloneStart } from "../machine/cloneStart.ts"
import { incarnate } from "../machine/Incarnation.ts"
import type { MachineError } from "../machine/MachineError.ts"
import { awaitDevices } from "../machine/pluggedDevices.ts"
import type { GuestAccess } from "../machine/GuestAccess.ts"
import type { MachinePlan } from "../plan/MachinePlan.ts"
import { createDisk, createOverlay } from "../store/Qcow.ts"
import { discardTemplate, holdDisk } from "../store/Templates.ts"
import { makeShares } from "./makeShares.ts"
import { obtainTemplate } from "./obtainTemplate.ts"
import type { TemplateChoice } from "./TemplateChoice.ts"
import { TemplateError } from "./TemplateError.ts"

export interface StartCloneOptions extends TemplateChoice {
  readonly access: GuestAccess
  readonly plan: MachinePlan
  readonly bootMs: number
  readonly speedFactor: number
}

/** A clone answers within a second; what takes so much longer hangs. */
const ANSWER_MS = 5_000
/** A guest finds its devices within a tenth of that. */
const DEVICES_MS = 2_000

/** A machine whose guest can't be given devices while it runs may have a template that is as it should be. */
const blamesTemplate = (error: MachineError | GuestError | TemplateError): boolean =>
  error._tag !== "MachineError" || error.reason._tag !== "DevicesRefused"

const failed = (step: string) => (error: { readonly message: string }) =>
  new TemplateError({ step, detail: error.message })

export const startClone = Effect.fn("run.startClone")(function* (options: StartCloneOptions) {
  const { access, plan, speedFactor } = options
  const bus = yield* EventBus
  const machineScope = yield* Effect.scope
  const template = yield* obtainTemplate(options)
  const base = `${plan.disk.overlay}.template`
  yield* holdDisk(template, base).pipe(Effect.mapError(failed("holding its disk")))
  yield* createOverlay({
    base: { path: base, format: "qcow2", virtualSize: plan.disk.image.virtualSize },
    path: plan.disk.overlay,
    size: plan.disk.image.virtualSize
  }).pipe(Effect.mapError(failed("making its disk")))
  yield* Effect.forEach(plan.extraDisks, createDisk, { discard: true }).pipe(
    Effect.mapError(failed("making its disks"))
  )
  yield* makeShares(plan).pipe(Effect.mapError(failed("making its shares")))
  const scope = yield* Scope.fork(machineScope)
  return yield* Effect.gen(function* () {
    const clone = cloneStart({ plan, template })
    const incarnation = yield* incarnate({ access, plan, clone, bus, speedFactor })
    yield* Effect.raceFirst(incarnation.channel.session, incarnation.death)
    yield* giveIdentity(access, incarnation)
    if (plan.devices.test.includes("-device")) {
      yield* awaitDevices({ access, incarnation, limitMs: DEVICES_MS * speedFactor })
    }
    return incarnation
  }).pipe(
    Scope.provide(scope),
    Effect.timeoutOrElse({
      duration: ANSWER_MS * speedFactor,
      orElse: () => Effect.fail(new TemplateError({ step: "loading it", detail: "its guest did not answer" }))
    }),
    // What was broken off says nothing against the template.
    Effect.tapError((error) => (blamesTemplate(error) ? discardTemplate(template) : Effect.void)),
    Effect.mapError((error) => (error._tag === "TemplateError" ? error : failed("loading it")(error))),
    // The machine boots instead, and makes its disks itself.
    Effect.onError(() =>
      Effect.andThen(
        Scope.close(scope, Exit.void),
        Effect.forEach([plan.disk.overlay, base], (path) => Effect.ignore(HostTree.remove(path)), { discard: true })
      )
    )
  )
})
