/** Publishers' hosts on the loopback: real HTTP, with folders listed as web servers list them. */
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import { ChildProcesses } from "@nix-vm-test/core/host/ChildProcesses"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { IndexReader } from "@nix-vm-test/distributions/update/IndexReader"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"

/** What an address answers: a body, or only a status with headers. */
export type Answer = string | Uint8Array | { readonly status: number; readonly location?: string }

/** Answers by address, such as `https://images.test/12/SHA512SUMS`; a folder's listing is made from what lies in it. */
export type Site = Readonly<Record<string, Answer>>

/** As Apache writes it: with links that sort the table, and one to the folder above. */
const listingOf = (names: ReadonlyArray<string>): string =>
  [
    '<html><body><table><tr><th><a href="?C=N;O=D">Name</a></th><th><a href="?C=M;O=A">Last modified</a></th></tr>',
    '<tr><td><a href="/images/">Parent Directory</a></td></tr><tr><td><a href="../">../</a></td></tr>',
    ...names.map((name) => `<tr><td><a href="${name}">${name}</a></td><td>2026-01-01 10:00</td></tr>`),
    '<a href="https://elsewhere.test/20990101-9999/">our sponsor</a></table></body></html>'
  ].join("\n")

const childrenOf = (site: Site, folder: string): ReadonlyArray<string> => [
  ...new Set(
    Object.keys(site)
      .filter((url) => url.startsWith(folder) && url !== folder)
      .map((url) => /^[^/]+\/?/u.exec(url.slice(folder.length))?.[0] ?? "")
  )
]

const answerTo = (site: Site, url: string): Answer => {
  const answer = site[url]
  if (answer !== undefined) return answer
  const children = url.endsWith("/") ? childrenOf(site, url) : []
  return children.length > 0 ? listingOf(children) : { status: 404 }
}

/** A client for which the site is all there is of the internet; `asked` grows with each request. */
export const publisherServices = (site: Site, asked: Array<string> = []) => {
  const client = Layer.effect(
    HttpClient.HttpClient,
    Effect.gen(function* () {
      const server = http.createServer((request, response) => {
        const url = `https:/${request.url ?? "/"}`
        asked.push(url)
        const answer = answerTo(site, url)
        if (typeof answer === "string" || answer instanceof Uint8Array) response.end(answer)
        else response.writeHead(answer.status, answer.location === undefined ? {} : { location: answer.location }).end()
      })
      const address = yield* Effect.acquireRelease(
        Effect.callback<AddressInfo>((resume) => {
          server.listen(0, "127.0.0.1", () => {
            const bound = server.address()
            if (typeof bound === "object" && bound !== null) resume(Effect.succeed(bound))
          })
        }),
        () =>
          Effect.sync(() => {
            server.closeAllConnections()
            server.close()
          })
      )
      const fetching = yield* HttpClient.HttpClient
      return HttpClient.mapRequest(fetching, (request) =>
        HttpClientRequest.setUrl(request, request.url.replace("https://", `http://127.0.0.1:${address.port}/`))
      )
    })
  ).pipe(Layer.provide(FetchHttpClient.layer))
  const host = Layer.mergeAll(NodeServices.layer, ChildProcesses.layer, client)
  return IndexReader.layer.pipe(Layer.provideMerge(host))
}
