import { assert, describe, it } from "@effect/vitest"
import type { HostFacts } from "@nix-vm-test/core/plan/HostFacts"
import type { MachineSpecInput } from "@nix-vm-test/core/spec/MachineSpec"
import * as Result from "effect/Result"
import { host, planOne, storedImage } from "./examples.ts"

const tools: Partial<HostFacts> = {
  virtiofsd: { path: "/usr/lib/qemu/virtiofsd", userNamespace: false },
  squashfsTool: "/usr/bin/mksquashfs"
}

interface Situation {
  readonly ninep?: boolean
  readonly virtiofs?: boolean
  readonly start?: MachineSpecInput["start"]
  readonly readOnly?: boolean
  readonly via?: "9p" | "virtiofs" | "image" | "copy"
  readonly host?: Partial<HostFacts>
}

const planned = (situation: Situation, machine: Partial<MachineSpecInput> = {}) => {
  const { ninep = true, virtiofs = true, start = "auto", readOnly = false, via } = situation
  const share = { source: "src", target: "/mnt/src", readOnly, ...(via === undefined ? {} : { via }) }
  return planOne(
    { start, shares: { src: share }, ...machine },
    { image: storedImage({ ninep, virtiofs }), host: host({ ...tools, ...situation.host }) }
  )
}

/** The share's way and how the machine starts, or why it can't be. */
const wayOf = (situation: Situation): string =>
  Result.match(planned(situation), {
    onSuccess: ({ shares, start }) => `${shares.map(({ by }) => by._tag).join()} ${start}`,
    onFailure: ({ message }) => message
  })

const no9p = { ninep: false }
const neither = { ninep: false, virtiofs: false }

describe("the way of a share", () => {
  it.each<readonly [string, Situation, string]>([
    ["9p where the kernel has it", {}, "9p auto"],
    ["9p in a clone", { start: "clone" }, "9p clone"],
    ["9p for reading", { readOnly: true }, "9p auto"],
    ["virtiofs, and a boot for it", no9p, "virtiofs cold"],
    ["virtiofs in a machine that boots", { ...no9p, start: "cold", readOnly: true }, "virtiofs cold"],
    ["a copy in a clone", { ...no9p, start: "clone" }, "copy clone"],
    ["a copy where the kernel has neither", neither, "copy auto"],
    ["a copy where the host has no daemon", { ...no9p, host: { virtiofsd: undefined } }, "copy auto"],
    ["an image for reading, so that it is a clone", { ...no9p, readOnly: true }, "image auto"],
    ["an image where the kernel has neither", { ...neither, readOnly: true, start: "cold" }, "image cold"],
    [
      "virtiofs for reading without the tool",
      { ...no9p, readOnly: true, host: { squashfsTool: undefined } },
      "virtiofs cold"
    ],
    ["a copy for reading, last", { ...neither, readOnly: true, host: { squashfsTool: undefined } }, "copy auto"],
    ["without QEMU's 9p", { host: { ninep: false } }, "virtiofs cold"],
    ["as insisted on: copy", { via: "copy" }, "copy auto"],
    ["as insisted on: image", { via: "image", readOnly: true }, "image auto"],
    ["as insisted on: virtiofs", { via: "virtiofs" }, "virtiofs cold"]
  ])("%s", (_, situation, expected) => {
    assert.strictEqual(wayOf(situation), expected)
  })

  it.each<readonly [string, Situation, string]>([
    ["a kernel without it", { ...no9p, via: "9p" }, "9p: the kernel of debian:12 has no 9p"],
    ["an image that is to be written", { via: "image" }, "image: it is read-only"],
    ["virtiofs in a clone", { via: "virtiofs", start: "clone" }, "virtiofs: a clone can't have it"],
    ["a tool that is missing", { via: "image", readOnly: true, host: { squashfsTool: undefined } }, "squashfs-tools"]
  ])("is never another than the one insisted on: %s", (_, situation, expected) => {
    const message = wayOf(situation)
    assert.include(message, "vm: /mnt/src can't be shared: ")
    assert.include(message, expected)
  })

  it("is told, with what it means and why it is not a better one", () => {
    const toldOf = (situation: Situation) => Result.getOrThrow(planned(situation)).shares.map(({ told }) => told)
    assert.deepStrictEqual(toldOf({}), ["/mnt/src comes by 9p: each side sees what the other writes"])
    const [copy = ""] = toldOf({ ...neither })
    assert.include(
      copy,
      "/mnt/src comes as a copy: what the guest changes is written back when the machine is shut down"
    )
    assert.include(
      copy,
      "(9p: the kernel of debian:12 has no 9p; virtiofs: the kernel of debian:12 has no virtiofs; image: "
    )
    assert.include(toldOf(no9p)[0], "so the machine boots and is no clone")
  })
})

describe("a Nix store", () => {
  const info = "/nix/store/00000000000000000000000000000000-closure-info"
  const closure = { shares: {}, store: "closure", extraPathsToRegister: [info] } as const

  it("is an image of the closure, whatever else there is", () => {
    const { shares, registration } = Result.getOrThrow(planned({}, closure))
    assert.lengthOf(shares, 1)
    assert.deepInclude(shares[0], {
      target: "/nix/store",
      readOnly: true,
      content: { closureInfo: [info], storeDir: "/nix/store" }
    })
    assert.strictEqual(shares[0]?.by._tag, "image")
    assert.deepStrictEqual(registration, { closureInfo: [info], target: "/nix/nix-path-registration" })
  })

  it("is the host's own only by a way that copies nothing", () => {
    const host = { shares: {}, store: "host" } as const
    assert.strictEqual(Result.getOrThrow(planned({}, host)).shares[0]?.by._tag, "9p")
    const failure = Result.getOrThrow(Result.flip(planned(neither, host)))
    assert.include(failure.message, "image: all of a store is too large for an image")
  })
})

describe("the exchange folders", () => {
  it("are the run's: one for all machines, one for each", () => {
    const { shares } = Result.getOrThrow(planned({}, { shares: {}, exchange: true }))
    assert.deepStrictEqual(
      shares.map(({ target, content, ofTheRun }) => ({ target, content, ofTheRun })),
      [
        { target: "/tmp/shared", content: { folder: "/run/user/1000/nvt-Ab12Cd/shared-xchg" }, ofTheRun: true },
        { target: "/tmp/xchg", content: { folder: "/run/user/1000/nvt-Ab12Cd/m1.xchg" }, ofTheRun: true }
      ]
    )
  })

  it("are never copies", () => {
    const failure = Result.getOrThrow(Result.flip(planned(neither, { shares: {}, exchange: true })))
    assert.include(failure.message, "copy: both sides have to see what the other writes")
  })
})
