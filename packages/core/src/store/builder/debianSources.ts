/** Where Debian's packages come from: the mirror that this machine's own apt uses, or the one that the user names. */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { ChildProcesses } from "../../host/ChildProcesses.ts"
import { ImageError } from "../ImageError.ts"

/** Places of one suite's packages. */
export interface DebianSources {
  /** URL with `dists/` below it. */
  readonly mirror: string
  /** The same for security updates, where it is known. */
  readonly security?: string | undefined
}

/** Names that a Debian archive has; those of other distributions in the same sources do not count. */
const debianReleases: ReadonlySet<string> = new Set([
  "oldoldstable",
  "oldstable",
  "stable",
  "testing",
  "unstable",
  "sid",
  "buster",
  "bullseye",
  "bookworm",
  "trixie",
  "forky",
  "duke"
])

/** Reads lines of the form `URL|RELEASE`, as apt prints them in {@link fromApt}. */
export const parseIndexTargets = (text: string): DebianSources | undefined => {
  const targets = text.split("\n").map((line) => {
    const [url = "", release = ""] = line.split("|")
    return { url: url.replace(/\/$/u, ""), release }
  })
  const mirror = targets.find(({ release }) => debianReleases.has(release))?.url
  const security = targets.find(
    ({ release }) => release.endsWith("-security") && debianReleases.has(release.slice(0, -"-security".length))
  )?.url
  return mirror === undefined ? undefined : { mirror, security }
}

const aptTimeoutMs = 30_000

/** Asks apt, which knows all the forms of its own configuration. It needs no root and no downloaded lists for this. */
const fromApt = ChildProcesses.use((processes) =>
  processes.run({
    command: "apt-get",
    args: ["indextargets", "--format", "$(REPO_URI)|$(RELEASE)"],
    timeoutMs: aptTimeoutMs
  })
).pipe(
  Effect.map((output) => parseIndexTargets(output.stdout)),
  Effect.orElseSucceed(() => undefined)
)

/** `$NIX_VM_TEST_DEBIAN_MIRROR` where it is set, else what apt says. Fails as `NoDebianMirror`. */
export const debianSources: Effect.Effect<DebianSources, ImageError, ChildProcesses> = Effect.gen(function* () {
  const named = yield* Effect.orElseSucceed(
    Config.option(Config.String("NIX_VM_TEST_DEBIAN_MIRROR")),
    Option.none<string>
  )
  if (Option.isSome(named) && named.value !== "") return { mirror: named.value.replace(/\/$/u, "") }
  const found = yield* fromApt
  return found ?? (yield* new ImageError({ reason: { _tag: "NoDebianMirror" } }))
})

/** Lines of `sources.list` for a release. */
export const sourceLines = (options: {
  readonly sources: DebianSources
  readonly codename: string
  readonly securityUpdates: boolean
}): ReadonlyArray<string> => {
  const { sources, codename, securityUpdates } = options
  const lines = [`deb ${sources.mirror} ${codename} main`]
  return securityUpdates && sources.security !== undefined
    ? [...lines, `deb ${sources.security} ${codename}-security main`]
    : lines
}
