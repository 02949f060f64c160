import type { Console } from "../guest/Console.ts"

/** As much of a machine as a way into its guest needs. */
export interface GuestAccess {
  readonly name: string
  /** Over all lives of the machine. */
  readonly console: Console
}
