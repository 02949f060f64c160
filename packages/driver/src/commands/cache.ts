import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"

const json = Flag.Boolean("json").pipe(
  Flag.withDescription("Print JSON (default: a table)"),
  Flag.withDefault(false),
  Flag.withoutNegation
)

/** What the subcommands do is loaded when they run: other commands should not pay for it at their start. */
const ls = Command.make("ls", { json }, (options) =>
  Effect.promise(() => import("../cache/listCache.ts")).pipe(Effect.flatMap(({ listCache }) => listCache(options)))
).pipe(
  Command.withDescription("List images, prepared images, templates of booted guests, and what images were built from")
)

export const gc = Command.make(
  "gc",
  {
    maxSize: Flag.String("max-size").pipe(
      Flag.withMetavar("SIZE"),
      Flag.withDescription("How much may stay, such as 20GiB (default: 10GiB)"),
      Flag.withDefault("10GiB")
    ),
    all: Flag.Boolean("all").pipe(
      Flag.withDescription("Remove everything that is not in use"),
      Flag.withDefault(false),
      Flag.withoutNegation
    ),
    json
  },
  (options) =>
    Effect.promise(() => import("../cache/cleanCache.ts")).pipe(Effect.flatMap(({ cleanCache }) => cleanCache(options)))
).pipe(
  Command.withDescription(
    "Remove what was not used for longest until the rest fits, images last; never what a run uses"
  ),
  Command.withShortDescription("Remove what was not used for longest")
)

/** `nix-vm-test cache`. */
export const cache = Command.make("cache").pipe(
  Command.withDescription("Show and clean the cache of images and booted guests; everything in it can be made again"),
  Command.withShortDescription("Show and clean the cache of images and booted guests"),
  Command.withSubcommands([ls, gc])
)
