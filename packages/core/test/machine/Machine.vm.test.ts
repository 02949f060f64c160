/** The operations on a machine that runs: one guest for all of them. */
import { describe, layer } from "@effect/vitest"
import { scriptsSuite } from "../promise/scriptsSuite.ts"
import { Guests } from "../support/Guests.ts"
import { commandsSuite } from "./commandsSuite.ts"
import { filesSuite } from "./filesSuite.ts"
import { unitsSuite } from "./unitsSuite.ts"
import { waitsSuite } from "./waitsSuite.ts"

const guests = Guests.layer({ machines: { vm: { image: "debian:12", memory: "512MiB" } } })

layer(guests, { excludeTestServices: true, timeout: "10 minutes" })("Machine", (it) => {
  describe("commands", () => {
    commandsSuite(it)
  })
  describe("units", () => {
    unitsSuite(it)
  })
  describe("waits", () => {
    waitsSuite(it)
  })
  describe("scripts", () => {
    scriptsSuite(it)
  })
  describe("files", () => {
    filesSuite(it)
  })
})
