/**
 * What this machine has and lacks for running tests, each finding with the command that mends it: the content of
 * `doctor`.
 */
import { userInfo } from "node:os"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import { ChildProcesses } from "../host/ChildProcesses.ts"
import { freeSpace } from "../host/freeSpace.ts"
import { makeKvmProbe, type KvmVerdict } from "./KvmProbe.ts"
import { findImageTool, findProgram, inspectQemu, type QemuBinary } from "./Qemu.ts"
import type { QemuError } from "./QemuError.ts"

export interface Finding {
  /** Stable name for scripts. */
  readonly id:
    | "qemu"
    | "qemuVersion"
    | "imageTool"
    | "kvm"
    | "processGuard"
    | "userNamespaces"
    | "memory"
    | "disk"
    | "shares"
  /** `missing`: nothing runs without it. `warn`: things run, slower or not all of them. */
  readonly status: "ok" | "warn" | "missing"
  /** What was looked at, in one or two words. */
  readonly title: string
  /** What was found, in one line. */
  readonly detail: string
  /** The command or step that mends it. */
  readonly mend?: string
}

export interface HostCheckOptions {
  /** The cache's `probe` folder. */
  readonly probeDirectory: string
  /** Where images will lie: its file system's room is looked at. */
  readonly cacheDirectory: string
}

const mendFrom = (error: QemuError): { readonly mend?: string } =>
  error.reason._tag === "NotFound" ? { mend: error.reason.hint } : {}

/** Whether QEMU is there, and says what it is. */
export const qemuFinding = (found: Result.Result<Pick<QemuBinary, "binary" | "version">, QemuError>): Finding =>
  Result.match(found, {
    onSuccess: ({ binary, version }) => ({
      id: "qemu",
      status: "ok",
      title: "QEMU",
      detail: `${version.text} at ${binary}`
    }),
    onFailure: (error) => ({ id: "qemu", status: "missing", title: "QEMU", detail: error.message, ...mendFrom(error) })
  })

/**
 * Whether QEMU is new enough. 7.2 brought `-netdev stream`, which networks between machines are made of. Before 10,
 * emulated processors lose the atomicity of `cmpxchg16b`, which guests with several of them and kernels from 6.10 on
 * crash by; the driver works around it.
 */
export const qemuVersionFinding = (
  qemu: Pick<QemuBinary, "version" | "capabilities" | "architecture">,
  verdict: KvmVerdict
): Finding => {
  const finding = { id: "qemuVersion", title: "QEMU version" } as const
  const mend = "install QEMU 10 or later (Debian 12: apt install -t bookworm-backports qemu-system-x86 qemu-utils)"
  if (!qemu.capabilities.streamNetdev) {
    return { ...finding, status: "missing", detail: `${qemu.version.text} is too old: networks need 7.2`, mend }
  }
  if (verdict._tag !== "Usable" && qemu.version.major < 10 && qemu.architecture === "x86_64") {
    const detail = `${qemu.version.text} emulates several processors badly for kernels from 6.10 on; 10 or later is better`
    return { ...finding, status: "warn", detail, mend }
  }
  return { ...finding, status: "ok", detail: "new enough for all that tests use" }
}

export const kvmFinding = (verdict: KvmVerdict): Finding => {
  const finding = { id: "kvm", title: "KVM" } as const
  switch (verdict._tag) {
    case "Usable":
      return { ...finding, status: "ok", detail: "a program ran under it" }
    case "Absent":
      return {
        ...finding,
        status: "warn",
        detail: `${verdict.detail}; guests are emulated, 10 to 20 times slower`,
        ...(verdict.hint === undefined ? {} : { mend: verdict.hint })
      }
    case "Broken":
      return {
        ...finding,
        status: "warn",
        detail: `does not work: ${verdict.seen}; guests are emulated, 10 to 20 times slower`
      }
  }
}

const gib = 1024 ** 3
const inGib = (bytes: number): string => `${(bytes / gib).toFixed(1)} GiB`

/** Two guests of the default size and their QEMU. */
const enoughMemory = 3 * gib
/** `MemAvailable` in the text of `/proc/meminfo`, in bytes. */
export const availableMemory = (meminfo: string): number | undefined => {
  const kib = /^MemAvailable:\s+(\d+) kB$/mu.exec(meminfo)?.[1]
  return kib === undefined ? undefined : Number(kib) * 1024
}

export const memoryFinding = (available: number | undefined): Finding => {
  const finding = { id: "memory", title: "memory" } as const
  if (available === undefined)
    return { ...finding, status: "warn", detail: "/proc/meminfo does not say how much is available" }
  return available >= enoughMemory
    ? { ...finding, status: "ok", detail: `${inGib(available)} available` }
    : {
        ...finding,
        status: "warn",
        detail: `only ${inGib(available)} available`,
        mend: 'give machines less, such as "memory": "512MiB"'
      }
}

/** An image of each of a few distributions, one template, and what a build needs while it runs. */
const enoughSpace = 6 * gib

export const diskFinding = (directory: string, free: Option.Option<number>): Finding => {
  const finding = { id: "disk", title: "disk" } as const
  return Option.match(free, {
    onNone: () => ({ ...finding, status: "warn", detail: `the room at ${directory} can't be told` }),
    onSome: (bytes) =>
      bytes >= enoughSpace
        ? { ...finding, status: "ok", detail: `${inGib(bytes)} free at ${directory}` }
        : {
            ...finding,
            status: "warn",
            detail: `only ${inGib(bytes)} free at ${directory}`,
            mend: "free some, or set NIX_VM_TEST_CACHE to a directory with more"
          }
  })
}

/** Runs a program that does nothing, guarded as all of them are. */
const checkProcessGuard = Effect.gen(function* (): Effect.fn.Return<Finding, never, ChildProcesses> {
  const processes = yield* ChildProcesses
  const finding = { id: "processGuard", title: "setpriv" } as const
  const mend = "apt install util-linux"
  const output = yield* Effect.result(processes.run({ command: "true", args: [], timeoutMs: 10_000 }))
  if (Result.isFailure(output)) return { ...finding, status: "missing", detail: output.failure.message, mend }
  const { exit, stderr } = output.success
  return Option.isSome(exit) && exit.value.code === 0
    ? { ...finding, status: "ok", detail: "processes end with the driver" }
    : { ...finding, status: "missing", detail: `setpriv --pdeathsig does not work: ${stderr.trim()}`, mend }
})

/** Whether `/etc/subuid` or `/etc/subgid` gives a user at least 65536 ids. */
export const hasSubordinateIds = (text: string, user: { readonly name: string; readonly uid: number }): boolean =>
  text
    .split("\n")
    .map((line) => line.split(":"))
    .some(([owner, , count]) => (owner === user.name || owner === String(user.uid)) && Number(count) >= 65536)

/** Images are built from packages in a user namespace with its own range of ids; root needs none. */
const checkUserNamespaces = Effect.gen(function* (): Effect.fn.Return<
  Finding,
  never,
  ChildProcesses | FileSystem.FileSystem
> {
  const finding = { id: "userNamespaces", title: "user namespaces" } as const
  const { uid, username } = userInfo()
  if (uid === 0) return { ...finding, status: "ok", detail: "not needed: root builds images without" }
  const missing = (detail: string, mend: string): Finding => ({
    ...finding,
    status: "warn",
    detail: `images can't be built: ${detail}`,
    mend
  })

  const fs = yield* FileSystem.FileSystem
  const processes = yield* ChildProcesses
  const mapper = yield* Effect.result(findProgram({ program: "newuidmap", hint: "apt install uidmap" }))
  if (Result.isFailure(mapper)) return missing("newuidmap is missing", "apt install uidmap")
  for (const file of ["/etc/subuid", "/etc/subgid"]) {
    const text = yield* Effect.orElseSucceed(fs.readFileString(file), () => "")
    if (!hasSubordinateIds(text, { name: username, uid })) {
      const mend = `sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${username}`
      return missing(`${file} gives ${username} no ids`, mend)
    }
  }
  const tried = yield* Effect.result(
    processes.run({ command: "unshare", args: ["--user", "--map-root-user", "true"], timeoutMs: 10_000 })
  )
  const works = Result.isSuccess(tried) && Option.isSome(tried.success.exit) && tried.success.exit.value.code === 0
  return works
    ? { ...finding, status: "ok", detail: "available" }
    : missing(
        "the kernel refuses them",
        "sudo sysctl kernel.unprivileged_userns_clone=1 kernel.apparmor_restrict_unprivileged_userns=0"
      )
})

const checkImageTool = Effect.fnUntraced(function* (binary?: string) {
  const found = yield* Effect.result(findImageTool(binary))
  return Result.match(found, {
    onSuccess: (path): Finding => ({ id: "imageTool", status: "ok", title: "qemu-img", detail: path }),
    onFailure: (error): Finding => ({
      id: "imageTool",
      status: "missing",
      title: "qemu-img",
      detail: error.message,
      ...mendFrom(error)
    })
  })
})

const checkKvm = (qemu: QemuBinary, probeDirectory: string) =>
  Effect.flatMap(makeKvmProbe(qemu, { probeDirectory }), ({ verdict }) => verdict).pipe(
    Effect.catch((error) => Effect.succeed<KvmVerdict>({ _tag: "Broken", seen: error.message }))
  )

/**
 * Looks at everything; never fails. Takes up to the probe's deadline where KVM was not looked at since the host's boot.
 */
export const checkHost = Effect.fn("hostChecks.checkHost")(function* (
  options: HostCheckOptions
): Effect.fn.Return<ReadonlyArray<Finding>, never, ChildProcesses | FileSystem.FileSystem> {
  const fs = yield* FileSystem.FileSystem
  const qemu = yield* Effect.result(inspectQemu({ probeDirectory: options.probeDirectory }))
  const verdict = Result.isSuccess(qemu) ? yield* checkKvm(qemu.success, options.probeDirectory) : undefined
  const meminfo = yield* Effect.orElseSucceed(fs.readFileString("/proc/meminfo"), () => "")
  return [
    qemuFinding(qemu),
    ...(Result.isSuccess(qemu) && verdict !== undefined
      ? [qemuVersionFinding(qemu.success, verdict), kvmFinding(verdict)]
      : []),
    yield* checkImageTool(Result.isSuccess(qemu) ? qemu.success.binary : undefined),
    yield* checkProcessGuard,
    yield* checkUserNamespaces,
    memoryFinding(availableMemory(meminfo)),
    diskFinding(options.cacheDirectory, yield* freeSpace(options.cacheDirectory))
  ]
})
