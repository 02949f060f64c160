/** An error as events carry it: what kind of failure it is, the script's own frames, what was seen last, what to do. */
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { parse } from "error-stack-parser-es"
import type { Failure, FailureKind, ScriptFrame } from "../events/Event.ts"
import type { Evidence } from "../machine/evidence.ts"
import { type CallSite, callSiteOf } from "../machine/callSite.ts"

/** Whether a file is the driver's own: of a package's sources or its build, or of the bundle that this code became a part of. */
const isOwn: (file: string) => boolean = (() => {
  const here = fileURLToPath(import.meta.url)
  const packages = /^(.*\/packages\/)core\/(?:src|dist)\/run\/failureOf\.[jt]s$/u.exec(here)?.[1]
  if (packages !== undefined) {
    return (file) => file.startsWith(packages) && /^[^/]+\/(?:src|dist)\//u.test(file.slice(packages.length))
  }
  // The bundle's chunks lie in a folder beside its entry, which has the folder's name.
  const chunks = path.dirname(here)
  return (file) => file === `${chunks}.mjs` || file.startsWith(`${chunks}/`)
})()

const toPath = (file: string): string | undefined => {
  if (file.startsWith("file://")) return fileURLToPath(file.replace(/\?.*$/u, ""))
  return path.isAbsolute(file) ? file : undefined
}

const isScript = (file: string): boolean => !file.includes("/node_modules/") && !isOwn(file)

const sourceLine = (file: string, line: number): string | undefined => {
  try {
    return fs.readFileSync(file, "utf8").split("\n")[line - 1]?.trim()
  } catch {
    return undefined
  }
}

/** Most frames that a failure shows. */
const MOST_FRAMES = 8

/** The script's frames in a stack, innermost first. */
export const scriptFrames = (stack: string): ReadonlyArray<ScriptFrame> => {
  const carrier = new Error()
  carrier.stack = stack
  return parse(carrier, { allowEmpty: true })
    .flatMap((frame): ReadonlyArray<ScriptFrame> => {
      const file = frame.fileName === undefined ? undefined : toPath(frame.fileName)
      if (file === undefined || frame.lineNumber === undefined || !isScript(file)) return []
      const source = sourceLine(file, frame.lineNumber)
      return [
        {
          file,
          line: frame.lineNumber,
          column: frame.columnNumber ?? 1,
          ...(source === undefined ? {} : { source })
        }
      ]
    })
    .slice(0, MOST_FRAMES)
}

/** As much of our errors as a failure shows; every error of the project has some of it. */
interface Described extends Error {
  readonly _tag?: string
  readonly reason?: { readonly _tag: string }
  readonly machine?: string
  readonly evidence?: ReadonlyArray<Evidence>
  readonly hint?: string
}

const kinds: Readonly<Record<string, FailureKind>> = {
  TestFailure: "test",
  SpecError: "usage",
  PlanError: "usage",
  UsageError: "usage"
}

const kindOf = (error: Described): FailureKind => {
  if (error._tag === "ImageError" && error.reason?._tag === "UnknownImage") return "usage"
  return kinds[error._tag ?? ""] ?? "infrastructure"
}

const framesOf = (site: CallSite): ReadonlyArray<ScriptFrame> => (typeof site === "string" ? scriptFrames(site) : site)

/** The failure that an error is. */
export const failureOf = (error: Described): Failure => ({
  kind: kindOf(error),
  tag:
    error._tag === undefined
      ? error.name
      : error.reason === undefined
        ? error._tag
        : `${error._tag}/${error.reason._tag}`,
  message: error.message,
  ...(error.machine === undefined ? {} : { machine: error.machine }),
  frames: framesOf(callSiteOf(error)),
  evidence: error.evidence ?? [],
  ...(error.hint === undefined ? {} : { hint: error.hint })
})
