/** Which template each machine of a test starts from: one of those that the user gave, where one fits, else the cache's. */
import * as path from "node:path"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { EventBus } from "../events/EventBus.ts"
import type { MachinePlan } from "../plan/MachinePlan.ts"
import { templateIdentity, templateKey } from "../plan/templateArguments.ts"
import { differences, isSameShape } from "../plan/TemplateIdentity.ts"
import { contentKey } from "../store/contentKey.ts"
import { readShipped, type ShippedTemplate, shippedFolders } from "../store/ShippedTemplate.ts"
import { UsageError } from "./UsageError.ts"

/** The template that a machine's first start is a clone of. */
export interface TemplateChoice {
  /** In the cache. */
  readonly key: string
  /** Where the cache has it from; absent: it is made there. */
  readonly shipped?: ShippedTemplate | undefined
}

/** What of a template's identity is this host's and not a machine's. */
export interface TemplateHost {
  readonly qemuBuildId: string
  readonly agentDigest: string
  readonly hostCpu: string
}

const variable = "NIX_VM_TEST_TEMPLATES"

/** Folders that the environment names, between colons as in `PATH`. */
const fromEnvironment = Effect.orElseSucceed(Config.option(Config.String(variable)), Option.none<string>).pipe(
  Effect.map(Option.getOrElse(() => "")),
  Effect.map((text) => text.split(":").filter((folder) => folder !== ""))
)

/** The templates in the folders that the user named, here and in the environment. What is no template is a wrong call. */
export const givenTemplates = Effect.fn("run.givenTemplates")(function* (folders: ReadonlyArray<string>) {
  const places = [...folders, ...(yield* fromEnvironment)].map((folder) => path.resolve(folder))
  const found = yield* Effect.forEach(places, shippedFolders)
  return yield* Effect.forEach([...new Set(found.flat())], readShipped).pipe(
    Effect.mapError((error) => new UsageError({ text: error.message, hint: "nix-vm-test template make writes one" }))
  )
})

const chooseGiven = Effect.fnUntraced(function* (
  given: ReadonlyArray<ShippedTemplate>,
  machine: MachinePlan,
  host: TemplateHost
) {
  // Another host knows a file by another name.
  const image = yield* contentKey(machine.disk.image)
  const wanted = { ...templateIdentity({ ...host, plan: machine }), image }
  const alike = given.filter(({ manifest }) => isSameShape(manifest.identity, wanted))
  const judged = alike.map((shipped) => ({ shipped, why: differences(shipped.manifest.identity, wanted) }))
  return { fitting: judged.find(({ why }) => why.length === 0)?.shipped, judged }
})

/** The choice for one machine; none where it boots. Says why where a template was meant for it and does not fit. */
export const chooseTemplate = Effect.fn("run.chooseTemplate")(function* (options: {
  readonly machine: MachinePlan
  readonly host: TemplateHost
  readonly given: ReadonlyArray<ShippedTemplate>
}) {
  const { machine, host, given } = options
  if (machine.start === "cold") return undefined
  const own: TemplateChoice = { key: templateKey(templateIdentity({ ...host, plan: machine })) }
  if (given.length === 0) return own
  const { fitting, judged } = yield* chooseGiven(given, machine, host)
  if (fitting !== undefined) return { key: fitting.key, shipped: fitting } satisfies TemplateChoice
  const [closest] = judged
  if (closest === undefined) return own
  const boots = machine.start === "auto"
  yield* (yield* EventBus).publish({
    _tag: "Notice",
    topic: "image",
    machine: machine.name,
    text: `${boots ? "booting, since" : "not used:"} the template ${closest.shipped.folder} does not fit: ${closest.why.join("; ")}`
  })
  return boots ? undefined : own
})
