/** Packages that a guest can install without network. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

const packageUrl = Schema.String.check(
  Schema.isPattern(/^https?:\/\/\S+\/[A-Za-z0-9][A-Za-z0-9.+_~%-]*\.(?:deb|rpm)$/u, {
    expected: "an http or https URL of a .deb or .rpm file"
  })
)

const sha256 = Schema.String.check(
  Schema.isPattern(/^[0-9a-f]{64}$/u, { expected: "64 lower case hexadecimal digits" })
)

/** A package's file, a folder with some, or a file to download. */
export const PackageSpec = Schema.Union([
  Schema.String.check(Schema.isMinLength(1, { expected: "a path" })).annotate({
    description: "A package's file, or a folder with some; relative to the spec's folder."
  }),
  Schema.Struct({ url: packageUrl, sha256 }).annotate({ description: "A package to download." })
]).annotate({ expected: `"./package.deb", "./folder" or { "url": …, "sha256": … }` })
export type PackageSpec = typeof PackageSpec.Type

/** A name as the guest's package manager takes it, and no option of it: `nginx`, `nginx=1.22.1-9`. */
const PackageName = Schema.String.check(
  Schema.isPattern(/^[A-Za-z0-9][A-Za-z0-9.+:~_=^-]*$/u, { expected: "a package's name" })
)

/** Fields of a machine that are about packages. */
export const packageFields = {
  packages: Schema.Array(PackageSpec)
    .annotate({
      description:
        "Packages that the guest's package manager finds without network: files, folders of them, or pinned downloads."
    })
    .pipe(Schema.withDecodingDefaultKey(Effect.succeed([]))),
  install: Schema.Array(PackageName)
    .annotate({
      description: "Names among `packages` that are installed before the script runs, with what they depend on."
    })
    .pipe(Schema.withDecodingDefaultKey(Effect.succeed([])))
}

/** What these fields can't be together. */
export const packageProblem = (machine: {
  readonly packages: ReadonlyArray<PackageSpec>
  readonly install: ReadonlyArray<string>
}): { readonly path: ReadonlyArray<string>; readonly issue: string } | undefined =>
  machine.install.length > 0 && machine.packages.length === 0
    ? { path: ["install"], issue: "names packages among `packages`: give their files there" }
    : undefined
