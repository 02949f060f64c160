import type { HttpClientError } from "effect/http/HttpClientError"

/** The system's codes for a server that can't be reached, in plain words. */
const unreachable: Readonly<Record<string, string>> = {
  ENOTFOUND: "host not found",
  EAI_AGAIN: "the host's name can't be looked up",
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset",
  EHOSTUNREACH: "host unreachable",
  ENETUNREACH: "network unreachable",
  ETIMEDOUT: "no answer",
  UND_ERR_CONNECT_TIMEOUT: "no answer",
  UND_ERR_SOCKET: "connection cut"
}

/** Why no answer came, in one phrase. */
export const transportFailure = (error: HttpClientError): string => {
  // Node's fetch says "fetch failed" or "terminated"; the system's own word is one or two causes below.
  let deepest: unknown = error.reason
  while (deepest instanceof Error && deepest.cause !== undefined) deepest = deepest.cause
  if (!(deepest instanceof Error)) return String(deepest)
  const code = "code" in deepest && typeof deepest.code === "string" ? deepest.code : ""
  return unreachable[code] ?? (deepest.message === "" ? code : deepest.message)
}
