/** An https host for the command alone: a proxy that leads every connection to a server of the test, whose authority the command is told to trust. */
import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import * as http from "node:http"
import * as https from "node:https"
import * as net from "node:net"
import { join } from "node:path"

const listen = (server: net.Server): Promise<number> =>
  new Promise((resolve, reject) => {
    server.on("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      if (typeof address === "object" && address !== null) resolve(address.port)
    })
  })

export interface PublisherProxy {
  /** Environment in which the command sees the host. */
  readonly env: Readonly<Record<string, string>>
  readonly close: () => void
}

/** Serves files by their paths on one host. */
export const publisherProxy = async (options: {
  readonly folder: string
  readonly host: string
  readonly files: Readonly<Record<string, string>>
}): Promise<PublisherProxy> => {
  const { folder, host, files } = options
  const [key, certificate] = [join(folder, "host.key"), join(folder, "host.crt")]
  const subject = ["-subj", `/CN=${host}`, "-addext", `subjectAltName=DNS:${host}`]
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
  execFileSync("openssl", ["req", "-x509", ...curve, ...subject, "-keyout", key, "-out", certificate], {
    stdio: "pipe"
  })
  const server = https.createServer(
    { key: readFileSync(key), cert: readFileSync(certificate) },
    (request, response) => {
      const body = files[request.url ?? ""]
      response.writeHead(body === undefined ? 404 : 200).end(body)
    }
  )
  const port = await listen(server)
  const proxy = http.createServer()
  proxy.on("connect", (request: http.IncomingMessage, client: net.Socket) => {
    if (request.url !== `${host}:443`) {
      client.end("HTTP/1.1 502 Bad Gateway\r\n\r\n")
      return
    }
    const upstream = net.connect(port, "127.0.0.1", () => {
      client.write("HTTP/1.1 200 Connection established\r\n\r\n")
      upstream.pipe(client).pipe(upstream)
    })
    for (const [one, other] of [
      [upstream, client],
      [client, upstream]
    ] as const)
      one.on("error", () => other.destroy())
  })
  const proxyPort = await listen(proxy)
  return {
    env: {
      NODE_USE_ENV_PROXY: "1",
      HTTPS_PROXY: `http://127.0.0.1:${proxyPort}`,
      NODE_EXTRA_CA_CERTS: certificate
    },
    close: () => {
      for (const listening of [server, proxy]) {
        listening.closeAllConnections()
        listening.close()
      }
    }
  }
}
