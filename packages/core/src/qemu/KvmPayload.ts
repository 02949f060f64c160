/**
 * A program of a few hundred bytes that proves a virtual CPU by using it as a kernel does, and then ends QEMU in a way
 * that nothing else gives.
 */
import type { ProcessOutput } from "../host/ChildProcesses.ts"

export interface KvmPayload {
  /** The file for QEMU's `-kernel`. */
  readonly kernel: Uint8Array
  /** The machine that it is written for, without accelerator, CPU and kernel. */
  readonly machineArguments: ReadonlyArray<string>
  /** `miscomputed`: an instruction ran and gave a wrong result. Only `passed` is a proof. */
  readonly judge: (output: ProcessOutput) => "passed" | "miscomputed" | "failed"
}
