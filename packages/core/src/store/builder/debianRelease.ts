/** Which state of Debian's archive a build would use: it changes with each point release of a stable suite. */
import { createHash } from "node:crypto"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import type * as Option from "effect/Option"
import type { DebianSources } from "./debianSources.ts"

/** Longer than any mirror needs for 150 KB; a mirror that is slower is of no use for building either. */
const timeout = Duration.seconds(15)

/** Digest of the suite's signed index; none where the mirror can't be reached. */
export const debianRelease = (options: {
  readonly sources: DebianSources
  readonly codename: string
}): Effect.Effect<Option.Option<string>, never, HttpClient.HttpClient> =>
  HttpClient.HttpClient.use((client) =>
    HttpClient.filterStatusOk(client).get(`${options.sources.mirror}/dists/${options.codename}/InRelease`)
  ).pipe(
    Effect.flatMap((response) => response.text),
    Effect.map((text) => createHash("sha256").update(text).digest("hex")),
    Effect.timeout(timeout),
    Effect.option
  )
