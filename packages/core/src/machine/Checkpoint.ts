/** A machine's state at one instant, to which it can be put back for as long as it is not stopped: a handle that only its machine can read. */
export interface Checkpoint {
  /** The machine's name. */
  readonly machine: string
  /** From 1, in the order in which the machine's checkpoints were made. */
  readonly number: number
}
