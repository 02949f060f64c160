import * as Effect from "effect/Effect"
import type { GuestChannel } from "../guest/GuestChannel.ts"
import { guestError } from "../guest/GuestError.ts"

const limitMs = 300_000

/** Runs shell code of ours in the guest, whose failure must not pass for an empty answer: what it said is the reason. */
export const runInGuest = Effect.fnUntraced(function* (
  channel: GuestChannel,
  script: { readonly operation: string; readonly subject: string; readonly command: string }
) {
  const { operation, subject, command } = script
  const { exitCode, stdout, stderr, timedOut } = yield* channel.exec({ command, timeoutMs: limitMs })
  if (exitCode === 0) return new TextDecoder().decode(stdout)
  const said = new TextDecoder().decode(stderr).trim() || `exit code ${exitCode}`
  const code = timedOut ? `it did not end within ${limitMs / 1000} s` : said
  return yield* Effect.fail(guestError({ _tag: "GuestRefused", operation, subject, code }))
})
