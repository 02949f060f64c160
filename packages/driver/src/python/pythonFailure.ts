/** What ended a Python script, as a failure of the test. */
import { placeInScript } from "@nix-vm-test/core/machine/callSite"
import type { OperationError } from "@nix-vm-test/core/machine/MachineContext"
import { TestFailure } from "@nix-vm-test/core/machine/TestFailure"
import type { ScriptFailure } from "./BridgeMessage.ts"

const reasonOf = ({ kind, message, exitCode }: ScriptFailure): TestFailure["reason"] =>
  exitCode === undefined
    ? { _tag: "ScriptThrew", name: kind, text: message === "" ? kind : `${kind}: ${message}` }
    : { _tag: "ScriptExited", call: "sys.exit", exitCode }

export interface PythonFailureOptions {
  readonly failure: ScriptFailure
  /** The driver's own errors that went to the script, by number. */
  readonly known: ReadonlyMap<number, OperationError>
}

/** An error of ours that the script let through comes back as itself, with its evidence. */
export const pythonFailure = ({ failure, known }: PythonFailureOptions): OperationError => {
  const error =
    (failure.failure === null ? undefined : known.get(failure.failure)) ??
    new TestFailure({ reason: reasonOf(failure), evidence: [] })
  placeInScript(
    error,
    failure.frames.map(({ file, line, source }) => ({ file, line, column: 1, ...(source === "" ? {} : { source }) }))
  )
  return error
}
