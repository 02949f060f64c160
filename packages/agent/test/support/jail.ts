/**
 * A place where an agent may be told anything: its own root folder with nothing in it but bash, its own processes and network, and no
 * right to the clock or the rest of the machine.
 */
import { execFileSync } from "node:child_process"
import { copyFileSync, mkdirSync, mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { AgentUnderTest } from "./AgentUnderTest.ts"

const librariesOf = (program: string): ReadonlyArray<string> => {
  try {
    return [
      ...execFileSync("ldd", [program], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).matchAll(/(\/\S+)/gu)
    ].map(([path]) => path)
  } catch {
    // ldd fails for static programs.
    return []
  }
}

const install = (options: { readonly root: string; readonly source: string; readonly target: string }): void => {
  for (const [source, target] of [
    [options.source, options.target],
    ...librariesOf(options.source).map((path) => [path, path])
  ]) {
    if (source === undefined || target === undefined) continue
    mkdirSync(join(options.root, dirname(target)), { recursive: true })
    copyFileSync(source, join(options.root, target))
  }
}

const capabilities = ["chown", "dac_override", "fowner", "kill", "setgid", "setuid", "sys_chroot", "sys_ptrace"]

/** Starts the agent in a jail; everything in it dies with it. */
export const startJailed = (binary: string): Promise<AgentUnderTest> => {
  const root = mkdtempSync(join(tmpdir(), "nvt-jail-"))
  install({ root, source: binary, target: "/agent/agent" })
  install({ root, source: "/bin/bash", target: "/bin/bash" })
  for (const folder of ["dev", "proc", "tmp", "root"]) mkdirSync(join(root, folder))
  const script = [
    `mount -t proc proc "$1/proc"`,
    `: >"$1/dev/null"`,
    `mount --bind /dev/null "$1/dev/null"`,
    `exec setpriv --bounding-set=-all,${capabilities.map((name) => `+${name}`).join(",")} chroot "$1" /agent/agent --exit-on-close /port`
  ].join(" && ")
  return AgentUnderTest.startWith({
    directory: root,
    command: ["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child", "sh", "-c", script, "sh", root]
  })
}
