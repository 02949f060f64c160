/** What a guest has of the host's files: folders, the run's exchange folders, a Nix store. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/** A path in the guest. */
export const AbsolutePath = Schema.String.check(
  Schema.isPattern(/^\/[^\0]*$/u, { expected: "an absolute path in the guest" })
)

/**
 * How a share comes into the guest.
 *
 * - `9p`, `virtiofs`: the host's folder itself; each side sees at once what the other writes.
 * - `image`: a read-only file system of what the folder holds when the machine first starts.
 * - `copy`: a copy in the guest; what the guest changes of it is written back when the machine is shut down and at the run's end.
 */
export const ShareWay = Schema.Literals(["9p", "virtiofs", "image", "copy"])
export type ShareWay = typeof ShareWay.Type

/** A directory of the host in the guest. */
export const ShareSpec = Schema.Struct({
  source: Schema.String.annotate({ description: "The host's directory; relative to the spec's folder." }),
  target: AbsolutePath.annotate({ description: "Where the guest has it." }),
  readOnly: Schema.Boolean.pipe(Schema.withDecodingDefaultKey(Effect.succeed(false))),
  via: Schema.optionalKey(
    ShareWay.annotate({
      description:
        "Insists on a way. Default: the first that the guest's kernel, this host and readOnly allow; the report tells which."
    })
  )
})
export type ShareSpec = typeof ShareSpec.Type

/** 9p mount tags are at most 31 bytes; the name is the tag. */
const ShareName = Schema.String.check(
  Schema.isPattern(/^[A-Za-z0-9][A-Za-z0-9._-]{0,30}$/u, {
    expected: "a share's name (letters, digits, dot, hyphen, underscore, at most 31)"
  })
)

export const Shares = Schema.Record(ShareName, ShareSpec)

/** Fields of a machine that are about a Nix store. */
export const storeFields = {
  store: Schema.Literals(["none", "closure", "host"])
    .annotate({
      description:
        "What the guest has, read-only, of the host's Nix store: nothing, the closure of `extraPathsToRegister`, or all of it.",
      default: "none"
    })
    .pipe(Schema.withDecodingDefaultKey(Effect.succeed("none" as const))),
  extraPathsToRegister: Schema.Array(Schema.String)
    .annotate({
      description:
        "Results of Nixpkgs' `closureInfo`: folders with the files `store-paths` and `registration`. A guest that has Nix knows the paths as valid."
    })
    .pipe(Schema.withDecodingDefaultKey(Effect.succeed([]))),
  storeDir: AbsolutePath.annotate({
    description: "Where the store is, on the host as in the guest.",
    default: "/nix/store"
  }).pipe(Schema.withDecodingDefaultKey(Effect.succeed("/nix/store")))
}

/** What these fields can't be together. */
export const storeProblem = (machine: {
  readonly store: "none" | "closure" | "host"
  readonly extraPathsToRegister: ReadonlyArray<string>
}): { readonly path: ReadonlyArray<string>; readonly issue: string } | undefined => {
  const named = machine.extraPathsToRegister.length > 0
  if (machine.store === "closure" && !named) {
    return {
      path: ["store"],
      issue: `"closure" is the closure of extraPathsToRegister: name what the guest shall have there`
    }
  }
  if (machine.store === "none" && named) {
    return { path: ["extraPathsToRegister"], issue: `without effect: say "store": "closure" or "host" as well` }
  }
  return undefined
}
