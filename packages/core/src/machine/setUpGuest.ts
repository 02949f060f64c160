/**
 * What happens inside a guest between its agent's first answer and the script: settle it, grow its disk, mount its shares, put its files,
 * install its packages.
 *
 * After a reboot only what a boot undoes is done again.
 */
import * as path from "node:path"
import * as Effect from "effect/Effect"
import type { GuestChannel } from "../guest/GuestChannel.ts"
import type { GuestError } from "../guest/GuestError.ts"
import type { FilePlan, MachinePlan } from "../plan/MachinePlan.ts"
import type { GivenManager, PackagesPlan } from "../plan/PackagesPlan.ts"
import type { RegistrationPlan, SharePlan } from "../plan/SharePlan.ts"
import { registrationOf } from "../store/closurePaths.ts"
import { packageFiles } from "../store/packageFiles.ts"
import { aptPackages } from "./aptPackages.ts"
import { dnfPackages } from "./dnfPackages.ts"
import { evidenceOf } from "./evidence.ts"
import { putFromHost } from "./files.ts"
import { growFileSystem, notGrown, readGrownSizes } from "./growFileSystem.ts"
import type { Incarnation } from "./Incarnation.ts"
import type { GuestAccess } from "./GuestAccess.ts"
import { inIncarnation } from "./MachineContext.ts"
import { MachineError } from "./MachineError.ts"
import { awaitDisks } from "./guestScripts.ts"
import { packagesFolder } from "./packagesFolder.ts"
import type { PackageScripts } from "./packageScripts.ts"
import { cloudInitOff, settle } from "./settleScript.ts"
import { copyIn } from "./shareCopies.ts"
import { setSelinux } from "./setSelinux.ts"
import { mountShare } from "./shareScripts.ts"
import { shellQuote } from "./shellQuote.ts"

export interface SetUpOptions {
  readonly access: GuestAccess
  readonly plan: MachinePlan
  readonly incarnation: Incarnation
  /** The first boot on this disk, as opposed to a later start or a reboot. */
  readonly firstBoot: boolean
  readonly reached: (phase: "settled" | "disk" | "shares") => Effect.Effect<void>
}

const setupFailed = (options: SetUpOptions, step: string, detail: string, output: string): MachineError =>
  new MachineError({
    machine: options.access.name,
    reason: { _tag: "SetupFailed", step, detail },
    evidence: [...evidenceOf("output", output), ...evidenceOf("console", options.access.console.tail(20).join("\n"))]
  })

/** Runs a script of ours in the guest; any failure of it is a failure of the set-up. */
const run = Effect.fnUntraced(function* (options: SetUpOptions, step: string, code: string) {
  const result = yield* inIncarnation(options.access, options.incarnation, (channel) =>
    channel.exec({ command: code, timeoutMs: 300_000 })
  )
  const stdout = new TextDecoder().decode(result.stdout)
  if (result.exitCode === 0) return stdout
  const stderr = new TextDecoder().decode(result.stderr)
  const said = stderr.trim().split("\n").at(-1) ?? ""
  const detail = result.timedOut ? "it did not end within 300 s" : said || `exit code ${result.exitCode}`
  return yield* setupFailed(options, step, detail, stdout + stderr)
})

const growDisk = Effect.fnUntraced(function* (options: SetUpOptions) {
  const step = "growing the root file system"
  const output = yield* run(options, step, growFileSystem("/"))
  const sizes = readGrownSizes(output)
  const problem = sizes === undefined ? "its size could not be read" : notGrown(sizes, options.plan.disk.bytes)
  if (problem !== undefined) return yield* setupFailed(options, step, problem, output)
})

const putFile =
  (file: FilePlan) =>
  (channel: GuestChannel): Effect.Effect<void, GuestError> =>
    "text" in file.content
      ? channel.writeFile({
          path: file.path,
          content: new TextEncoder().encode(file.content.text),
          mode: file.mode ?? 0o644
        })
      : putFromHost({ channel, source: file.content.source, target: file.path, mode: file.mode })

/** What the guest's operating system refuses is a failure of the set-up. */
const orSetupFailed = (options: SetUpOptions, step: string) =>
  Effect.mapError((error: MachineError) =>
    error.reason._tag === "ChannelFailed" && error.reason.cause._tag === "GuestRefused"
      ? setupFailed(options, step, error.message, "")
      : error
  )

const putFiles = (options: SetUpOptions) =>
  Effect.forEach(
    options.plan.files,
    (file) =>
      inIncarnation(options.access, options.incarnation, putFile(file)).pipe(
        orSetupFailed(options, `putting the file ${path.posix.normalize(file.path)}`)
      ),
    { discard: true }
  )

const giveShare = Effect.fnUntraced(function* (options: SetUpOptions, share: SharePlan) {
  const step = `sharing ${share.target}`
  if (options.firstBoot && share.by._tag === "copy") {
    yield* inIncarnation(options.access, options.incarnation, (channel) => copyIn(channel, share)).pipe(
      orSetupFailed(options, step)
    )
  }
  yield* inIncarnation(options.access, options.incarnation, (channel) => mountShare(channel, share)).pipe(
    orSetupFailed(options, step)
  )
})

/** Tells a guest that has Nix that the paths of its store are valid. */
const register = Effect.fnUntraced(function* (options: SetUpOptions, { closureInfo, target }: RegistrationPlan) {
  const step = "registering what the guest has of the Nix store"
  const content = yield* Effect.mapError(registrationOf(closureInfo), ({ message }) =>
    setupFailed(options, step, message, "")
  )
  yield* inIncarnation(options.access, options.incarnation, (channel) =>
    channel.writeFile({ path: target, content: new TextEncoder().encode(content), mode: 0o444 })
  )
  yield* run(options, step, `if command -v nix-store >/dev/null; then nix-store --load-db < ${shellQuote(target)}; fi`)
})

const packageScripts: Readonly<Record<GivenManager, PackageScripts>> = { apt: aptPackages, dnf: dnfPackages }

/** Makes packages known to the guest's package manager, and installs those that are named. */
const givePackages = Effect.fnUntraced(function* (options: SetUpOptions, packages: PackagesPlan) {
  const step = "giving the guest its packages"
  const scripts = packageScripts[packages.manager]
  const files = yield* Effect.forEach(packages.sources, (source) => packageFiles(source.path, packages.format)).pipe(
    Effect.mapError(({ message }) => setupFailed(options, step, message, ""))
  )
  const put = (channel: GuestChannel) =>
    Effect.forEach(
      files.flat(),
      (file) => putFromHost({ channel, source: file, target: `${packagesFolder}/${path.basename(file)}`, mode: 0o644 }),
      { discard: true }
    )
  yield* orSetupFailed(options, step)(inIncarnation(options.access, options.incarnation, put))
  yield* run(options, step, scripts.publish(packages))
  if (packages.install.length === 0) return
  yield* run(options, `installing ${packages.install.join(", ")}`, scripts.install(packages.install))
})

/** What is done in a guest whatever the test is. */
export const settleGuest = Effect.fn("machine.settleGuest")(function* (options: SetUpOptions) {
  const { plan, firstBoot } = options
  if (!firstBoot || plan.disk.image.installedAgent) return
  yield* run(options, "settling the guest", settle(plan.image.facts))
  // Where it is the way in, it has work to do still.
  if (plan.entry.strategy !== "nocloud") yield* run(options, "turning cloud-init off", cloudInitOff.script)
})

/** Brings a guest whose agent answers to the state in which the script may have it. */
export const setUpGuest = Effect.fn("machine.setUpGuest")(function* (options: SetUpOptions) {
  const { plan, firstBoot } = options
  yield* settleGuest(options)
  if (plan.selinux !== undefined) {
    yield* run(options, "setting SELinux's mode", setSelinux(plan.selinux))
  }
  if (plan.extraDisks.length > 0) {
    yield* run(options, "finding its disks", awaitDisks(plan.extraDisks.map(({ name }) => name)))
  }
  yield* options.reached("settled")
  if (firstBoot && plan.disk.grows) {
    yield* growDisk(options)
    yield* options.reached("disk")
  }
  if (plan.shares.length > 0) {
    yield* Effect.forEach(plan.shares, (share) => giveShare(options, share), { discard: true })
    yield* options.reached("shares")
  }
  if (firstBoot) {
    yield* putFiles(options)
    if (plan.registration !== undefined) yield* register(options, plan.registration)
    if (plan.packages !== undefined) yield* givePackages(options, plan.packages)
  }
})
