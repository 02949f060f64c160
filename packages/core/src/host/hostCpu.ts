/** What the host's processor can do: a guest that was given it as its own can't go on with another. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"

/** Lines of `/proc/cpuinfo` that are about one processor's speed or number rather than about what all of them can do. */
const changing =
  /^(?:processor|cpu MHz|bogomips|BogoMIPS|core id|apicid|initial apicid|physical id|siblings|cpu cores)\s*:/u

/** The first processor of a `/proc/cpuinfo`, without what differs from one moment or processor to the next. */
export const parseCpu = (text: string): string =>
  (text.split("\n\n", 1)[0] ?? "")
    .split("\n")
    .filter((line) => !changing.test(line))
    .join("\n")

/** Stands for the processor's model and features; "" where `/proc` says nothing. */
export const hostCpu: Effect.Effect<string, never, FileSystem.FileSystem> = FileSystem.FileSystem.use((fs) =>
  fs.readFileString("/proc/cpuinfo")
).pipe(
  Effect.map(parseCpu),
  Effect.orElseSucceed(() => "")
)
