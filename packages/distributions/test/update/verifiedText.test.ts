import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import type { Signature } from "@nix-vm-test/distributions/update/Publisher"
import { verifiedText } from "@nix-vm-test/distributions/update/verifiedText"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { publisherServices, type Site } from "./publisherServer.ts"
import { TestKey } from "./signingKey.ts"

const url = "https://images.test/12/SHA256SUMS"
const keyUrl = "https://keys.test/mine.asc"
const sums = `${"ab".repeat(32)}  mine.qcow2\n`
const forged = `${"cd".repeat(32)}  mine.qcow2\n`

let key: TestKey
let other: TestKey
beforeAll(() => {
  key = new TestKey()
  other = new TestKey()
})
afterAll(() => {
  key.remove()
  other.remove()
})

const read = (site: Site, signature: Signature) =>
  verifiedText(url, signature).pipe(Effect.map(Option.getOrUndefined), Effect.provide(publisherServices(site)))

const refusal = (site: Site, signature: Signature) =>
  read(site, signature).pipe(
    Effect.flip,
    Effect.map((error) => error.message)
  )

const keys = (): Signature["keys"] => [{ fingerprint: key.fingerprint, url: keyUrl }]
const detached = (): Signature => ({ _tag: "Detached", suffix: ".gpg", keys: keys() })
const clearsigned = (): Signature => ({ _tag: "Clearsigned", keys: keys() })

describe("verifiedText", () => {
  it.live.each([
    { what: "an armored key and a binary signature", form: "binary", asBinaryKey: false },
    { what: "a binary key and an armored signature", form: "armored", asBinaryKey: true }
  ] as const)("believes $what", ({ form, asBinaryKey }) =>
    Effect.gen(function* () {
      const site = {
        [url]: sums,
        [`${url}.gpg`]: key.detached(sums, form),
        [keyUrl]: asBinaryKey ? key.binary : key.armored
      }
      assert.deepStrictEqual(yield* read(site, detached()), { text: sums, signedBy: key.fingerprint })
    })
  )

  it.live("believes a signed text, and only what its signature covers", () =>
    Effect.gen(function* () {
      const site = { [url]: `${forged}\n${key.clearsign(sums)}\n${forged}`, [keyUrl]: key.armored }
      assert.deepStrictEqual(yield* read(site, clearsigned()), { text: sums, signedBy: key.fingerprint })
    })
  )

  it.live("believes what is proven wherever it comes from", () =>
    Effect.gen(function* () {
      const at = (name: string) => ({ status: 302, location: `https://mirror.test/${name}` })
      const site = {
        [url]: at("sums"),
        [`${url}.gpg`]: at("proof"),
        [keyUrl]: at("key"),
        "https://mirror.test/sums": sums,
        "https://mirror.test/proof": key.detached(sums),
        "https://mirror.test/key": key.armored
      }
      assert.deepStrictEqual(yield* read(site, detached()), { text: sums, signedBy: key.fingerprint })
    })
  )

  it.live("finds the trusted key among several, in a file with all of them or in files of their own", () =>
    Effect.gen(function* () {
      const site = {
        [url]: key.clearsign(sums),
        [keyUrl]: `${other.armored}\n${key.armored}`,
        "https://keys.test/2": ""
      }
      const second = { fingerprint: other.fingerprint, url: "https://keys.test/2" }
      assert.deepStrictEqual(yield* read(site, { _tag: "Clearsigned", keys: [second, ...keys()] }), {
        text: sums,
        signedBy: key.fingerprint
      })
    })
  )

  it.live.each([
    {
      what: "a text that was changed",
      site: () => ({ [url]: forged, [`${url}.gpg`]: key.detached(sums), [keyUrl]: key.armored }),
      signature: detached,
      why: /another than was signed/u
    },
    {
      what: "a signed text that was changed",
      site: () => ({ [url]: key.clearsign(sums).replace("abab", "cdcd"), [keyUrl]: key.armored }),
      signature: clearsigned,
      why: /another than was signed/u
    },
    {
      what: "a text that is not signed",
      site: () => ({ [url]: sums, [keyUrl]: key.armored }),
      signature: clearsigned,
      why: /no good signature/u
    },
    {
      what: "a good signature by another key, also where that comes with the trusted one",
      site: () => ({
        [url]: sums,
        [`${url}.gpg`]: other.detached(sums),
        [keyUrl]: `${key.armored}\n${other.armored}`
      }),
      signature: detached,
      why: /no good signature/u
    },
    {
      what: "another key in the place of the trusted one",
      site: () => ({ [url]: sums, [`${url}.gpg`]: key.detached(sums), [keyUrl]: other.armored }),
      signature: detached,
      why: /no good signature by [0-9A-F]{40}: it was signed by another key/u
    },
    {
      what: "a signature that is not there",
      site: () => ({ [url]: sums, [keyUrl]: key.armored }),
      signature: detached,
      why: /SHA256SUMS\.gpg is not there/u
    },
    {
      what: "a key that is not there",
      site: () => ({ [url]: sums, [`${url}.gpg`]: key.detached(sums) }),
      signature: detached,
      why: /no key was found at https:\/\/keys\.test/u
    },
    {
      what: "a page of an error in the place of the key",
      site: () => ({ [url]: sums, [`${url}.gpg`]: key.detached(sums), [keyUrl]: "<html>sorry</html>" }),
      signature: detached,
      why: /no good signature/u
    }
  ])("refuses $what", ({ site, signature, why }) =>
    Effect.gen(function* () {
      assert.match(yield* refusal(site(), signature()), why)
    })
  )

  it.live("refuses a key that has ended", () =>
    Effect.gen(function* () {
      const ended = yield* Effect.acquireRelease(
        Effect.sync(() => new TestKey("seconds=1")),
        (made) => Effect.sync(() => made.remove())
      )
      const site = { [url]: ended.clearsign(sums), [keyUrl]: ended.armored }
      yield* Effect.sleep("2 seconds")
      const signature: Signature = { _tag: "Clearsigned", keys: [{ fingerprint: ended.fingerprint, url: keyUrl }] }
      assert.match(yield* refusal(site, signature), /no good signature.*expired/u)
    })
  )
})
