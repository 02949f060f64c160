import { createServer } from "node:http"

export interface ServedFile {
  readonly url: string
  /** How often it was asked for. */
  readonly requests: () => number
}

/** Serves a file on the loopback interface while `use` runs. */
export const serveFile = async <A>(content: Uint8Array, use: (file: ServedFile) => Promise<A>): Promise<A> => {
  let requests = 0
  const server = createServer((_, response) => {
    requests++
    response.end(content)
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const address = server.address()
  const port = typeof address === "object" && address !== null ? address.port : 0
  try {
    return await use({ url: `http://127.0.0.1:${port}/disk.qcow2`, requests: () => requests })
  } finally {
    server.close()
  }
}
