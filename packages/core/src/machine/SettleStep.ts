/** One change that makes an untouched image a good test guest: for people to read, and for the guest to run. */
export interface SettleStep {
  /** What it changes in the guest, as a sentence without its full stop. */
  readonly does: string
  /** POSIX shell code, run as root with `set -eu`; nothing where this guest needs nothing. */
  readonly script: string
}
