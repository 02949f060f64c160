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

interface Judged {
  readonly shipped: ShippedTemplate
  /** What keeps it from being used; nothing where it fits. */
  readonly why: ReadonlyArray<string>
}

/** What is to be thought of those templates that are meant for such a machine. */
const judge = Effect.fnUntraced(function* ({ given, host }: ChooseOptions, machine: MachinePlan) {
  // Another host knows a file by another name.
  const image = yield* contentKey(machine.disk.image)
  const wanted = { ...templateIdentity({ ...host, plan: machine }), image }
  return given
    .filter(({ manifest }) => isSameShape(manifest.identity, wanted))
    .map((shipped): Judged => ({ shipped, why: differences(shipped.manifest.identity, wanted) }))
})

export interface ChooseOptions {
  readonly machines: ReadonlyArray<MachinePlan>
  readonly host: TemplateHost
  readonly given: ReadonlyArray<ShippedTemplate>
}

const misfitText = (machine: MachinePlan, { shipped, why }: Judged): string =>
  `${machine.start === "clone" ? "not used:" : "booting, since"} the template ${shipped.folder} does not fit: ${why.join("; ")}`

/** The choice for each machine, by its name; none where it boots. Tells of templates that are of no use here. */
export const chooseTemplates = Effect.fn("run.chooseTemplates")(function* (options: ChooseOptions) {
  const { publish } = yield* EventBus
  const choices = new Map<string, TemplateChoice>()
  const meant = new Set<ShippedTemplate>()
  const clones = options.machines.filter(({ start }) => start !== "cold")
  for (const machine of clones) {
    const judged = options.given.length === 0 ? [] : yield* judge(options, machine)
    for (const { shipped } of judged) meant.add(shipped)
    const fitting = judged.find(({ why }) => why.length === 0)?.shipped
    const [misfit] = judged
    if (fitting !== undefined) {
      choices.set(machine.name, { key: fitting.key, shipped: fitting })
      continue
    }
    if (misfit !== undefined) {
      yield* publish({ _tag: "Notice", topic: "image", machine: machine.name, text: misfitText(machine, misfit) })
    }
    // A host whose templates are made elsewhere is not to spend its time on making others.
    if (misfit !== undefined && machine.start === "auto") continue
    choices.set(machine.name, { key: templateKey(templateIdentity({ ...options.host, plan: machine })) })
  }
  for (const { folder, manifest } of options.given.filter((shipped) => !meant.has(shipped))) {
    const text = `the template ${folder} is of no use here: no machine that may be a clone is ${manifest.title}`
    yield* publish({ _tag: "Notice", topic: "image", text })
  }
  return choices
})
