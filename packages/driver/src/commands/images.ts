/** `nix-vm-test images`. What the subcommands do is loaded when they run: other commands should not pay for it at their start. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { gc } from "./cache.ts"

const toggle = (name: string, description: string) =>
  Flag.Boolean(name).pipe(Flag.withDescription(description), Flag.withDefault(false), Flag.withoutNegation)

const json = toggle("json", "Print JSON (default: text for people)")

const name = Argument.String("name").pipe(Argument.withDescription("An image's name, such as debian:12"))
const names = name.pipe(Argument.atLeast(1))

const list = Command.make("list", { json }, (options) =>
  Effect.promise(() => import("../images/listImages.ts")).pipe(Effect.flatMap(({ listImages }) => listImages(options)))
).pipe(
  Command.withDescription("List every image that a test may name, what of it is here, and how long it is supported"),
  Command.withShortDescription("List images and what is here of them")
)

const fetch = Command.make("fetch", { names, json }, (options) =>
  Effect.promise(() => import("../images/fetchImages.ts")).pipe(
    Effect.flatMap(({ fetchImages }) => fetchImages(options))
  )
).pipe(
  Command.withDescription(
    "Get images into the cache: downloaded and verified, going on where an earlier download stopped, or built from packages"
  ),
  Command.withShortDescription("Get images into the cache")
)

const verify = Command.make("verify", { json }, (options) =>
  Effect.promise(() => import("../images/verifyImages.ts")).pipe(
    Effect.flatMap(({ verifyImages }) => verifyImages(options))
  )
).pipe(
  Command.withDescription(
    "Read every disk of the cache and compare its digest; what changed is put aside as FILE.rejected, and the exit code is 2"
  ),
  Command.withShortDescription("Compare the digests of what is in the cache")
)

const importFlags = {
  file: Argument.String("file").pipe(Argument.withDescription("A disk image: qcow2 or raw")),
  name: Flag.String("name").pipe(Flag.withDescription("The name by which tests shall know it, such as company:2026")),
  family: Flag.String("family").pipe(
    Flag.withDescription("The distribution whose facts apply, such as debian (default: as the file's name tells)"),
    Flag.optional
  ),
  version: Flag.String("version").pipe(
    Flag.withDescription("The distribution's version, such as 12 (default: as the file's name tells)"),
    Flag.optional
  ),
  digest: Flag.String("digest").pipe(
    Flag.withMetavar("DIGEST"),
    Flag.withDescription("What the file must have: sha256:… or sha512:… (default: any)"),
    Flag.optional
  ),
  architecture: Flag.Literals("architecture", ["x86_64", "aarch64"]).pipe(
    Flag.withDescription("What processors it is for (default: this host's)"),
    Flag.optional
  ),
  json
}

const importCommand = Command.make("import", importFlags, (options) =>
  Effect.promise(() => import("../images/importFile.ts")).pipe(Effect.flatMap(({ importFile }) => importFile(options)))
).pipe(
  Command.withDescription(
    "Copy a disk image of your own into the cache, where tests find it by its name; it stays until it is forgotten"
  ),
  Command.withShortDescription("Copy a disk image of your own into the cache"),
  Command.withExamples([
    {
      command: "nix-vm-test images import --name company:2026 --family debian --version 12 disk.qcow2",
      description: 'then, in a test: { image: "company:2026" }'
    }
  ])
)

const forget = Command.make("forget", { name }, (options) =>
  Effect.promise(() => import("../images/forgetImage.ts")).pipe(
    Effect.flatMap(({ forgetImage }) => forgetImage(options))
  )
).pipe(Command.withDescription("Give the name of an imported image up, so that gc may remove its disk"))

const prepareFlags = {
  names,
  explain: toggle("explain", "Only list what is changed in the guest, by preparing it or in a machine's first boot"),
  json
}

const prepare = Command.make("prepare", prepareFlags, ({ explain, ...options }) =>
  explain
    ? Effect.promise(() => import("../images/explainImages.ts")).pipe(
        Effect.flatMap(({ explainImages }) => explainImages(options))
      )
    : Effect.promise(() => import("../images/prepareImages.ts")).pipe(
        Effect.flatMap(({ prepareImages }) => prepareImages(options))
      )
).pipe(
  Command.withDescription(
    "Do the one boot by which the agent comes into an image, where it has no other way in; tests do it by themselves when they need it"
  ),
  Command.withShortDescription("Boot images once that need a preparation")
)

const exportFlags = {
  name,
  file: Argument.String("file").pipe(Argument.withDescription("The qcow2 to be written")),
  prepared: toggle(
    "prepared",
    "As machines are made from it, with what its preparation wrote (default: as it was fetched)"
  ),
  compress: toggle("compress", "Compress it, which takes several times as long"),
  json
}

const exportCommand = Command.make("export", exportFlags, (options) =>
  Effect.promise(() => import("../images/exportImage.ts")).pipe(
    Effect.flatMap(({ exportImage }) => exportImage(options))
  )
).pipe(Command.withDescription("Write an image as one qcow2 that needs no other file"))

const updateFlags = {
  families: Argument.String("distribution").pipe(
    Argument.withDescription("Such as debian (default: all)"),
    Argument.variadic()
  ),
  check: toggle("check", "Change nothing and download no image; the exit code is 1 where there is something to change"),
  registry: Flag.String("registry").pipe(
    Flag.withMetavar("DIR"),
    Flag.withDescription("The folder with the distributions' files (default: packages/distributions/registry)"),
    Flag.withDefault("packages/distributions/registry")
  ),
  json
}

const update = Command.make("update", updateFlags, (options) =>
  Effect.promise(() => import("../images/updateImages.ts")).pipe(
    Effect.flatMap(({ updateImages }) => updateImages(options))
  )
).pipe(
  Command.withDescription(
    "Renew the registry of a checkout: newer builds by their publishers' own indexes, with digests and signatures verified; a distribution where anything is wrong is left as it is, and the exit code is 2"
  ),
  Command.withShortDescription("Renew the registry from publishers' indexes")
)

/** `nix-vm-test images`. */
export const images = Command.make("images").pipe(
  Command.withDescription("Show, fetch, verify, import, prepare, export and update images of guests"),
  Command.withShortDescription("Show, fetch and verify images of guests"),
  Command.withSubcommands([list, fetch, verify, importCommand, forget, prepare, exportCommand, update, gc])
)
