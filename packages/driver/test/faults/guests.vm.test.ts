/** Guests that are up when something goes wrong. A boot costs half a minute, so each run here goes through several faults. */
import { chmodSync, existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "@effect/vitest"
import { processesNaming, Workplace } from "./Workplace.ts"

let place: Workplace
beforeEach(() => {
  place = new Workplace()
})
afterEach(() => place.remove())

const testOf = (...script: ReadonlyArray<string>): string =>
  [
    `import { defineTest } from "@nix-vm-test/core"`,
    `export default defineTest({`,
    `  machines: { vm: { image: "debian:12", memory: "512MiB" } },`,
    `  async script({ vm, log }) {`,
    `    const failureOf = (call: Promise<unknown>) => call.then(() => "none", (error: Error) => error.message)`,
    ...script,
    `  }`,
    `})`
  ].join("\n")

/** The real QEMU but for KVM: the probe passes, since it is run by emulation, and every guest aborts. */
const kvmThatAborts = `#!/bin/sh
real=$(command -v qemu-system-$(uname -m))
case " $* " in
*" -accel kvm "*" -qmp "*)
  echo "qemu-system: error: kvm: unhandled exit 11" >&2
  exit 1 ;;
*" -accel kvm "*)
  for word do
    shift
    case "$word" in kvm) word=tcg ;; host) word=max ;; esac
    set -- "$@" "$word"
  done ;;
esac
exec "$real" "$@"
`

/** A /dev with a KVM node that anybody may open, also where the host has none. */
const devWithKvm = (folder: string): string => `
mkdir ${folder}
mount -t tmpfs tmpfs ${folder}
for node in null zero full random urandom tty; do touch ${folder}/$node; mount --bind /dev/$node ${folder}/$node; done
touch ${folder}/kvm
mkdir ${folder}/shm ${folder}/pts
mount --rbind ${folder} /dev`

describe("a guest that is up", () => {
  it("survives a killed agent; SIGINT ends it in order; secrets and output are kept apart", async () => {
    const output = join(place.folder, "out")
    let sent = false
    const { exitCode, stdout, stderr } = await place.runTest(
      testOf(
        `log("the token is " + process.env.TOKEN)`,
        `await vm.succeed(["echo", process.env.TOKEN ?? ""])`,
        `await vm.succeed("echo of some use > /root/note")`,
        `await vm.copyToHost("/root/note")`,
        `log("killed: " + await failureOf(vm.succeed("kill -9 $(pgrep -o -f '[n]ix-vm-test/agent-'); sleep 60")))`,
        `log("after it: " + await vm.succeed("echo alive"))`,
        `log("waiting for a signal")`,
        `await vm.succeed("sleep 600")`
      ),
      {
        flags: ["--secret", "TOKEN", "--output", output, "--console", "all"],
        env: { TOKEN: "hunter2-and-more" },
        onOutput: (seen, command) => {
          if (sent || !seen.includes("waiting for a signal")) return
          sent = true
          command.signal("SIGINT")
        }
      }
    )
    assert.strictEqual(stderr, "")
    assert.match(stdout, /killed: .*agent was restarted/u)
    assert.include(stdout, "after it: alive")
    assert.strictEqual(exitCode, 130)
    assert.include(stdout, "the token is ***")
    const events = readFileSync(join(output, "events.jsonl"), "utf8")
    for (const text of [stdout, events]) assert.notInclude(text, "hunter2-and-more")
    assert.include(events.trimEnd().split("\n").at(-1), `"verdict":"interrupted"`)
    assert.strictEqual(readFileSync(join(output, "note"), "utf8"), "of some use\n")
    assert.isTrue(existsSync(join(output, "vm.console.log")))
    assert.notInclude(stdout, "\u001b", "NO_COLOR is set")
  })

  it("dies with QEMU during a command, which ends at once", async () => {
    let killed = false
    const { exitCode, stdout } = await place.runTest(
      testOf(`log("now")`, `await vm.succeed("echo begun >&2; sleep 600")`),
      {
        flags: ["--console", "all"],
        onOutput: (seen) => {
          if (killed || !seen.includes("vm | begun")) return
          killed = true
          for (const pid of processesNaming(`${place.temporary}/nvt-`)) process.kill(pid, "SIGKILL")
        }
      }
    )
    assert.strictEqual(exitCode, 2)
    assert.include(stdout, "vm: QEMU ended: killed by SIGKILL, not asked for")
    assert.match(stdout, /at \S+\/case\.ts:7:\d+\n {4}await vm\.succeed/u)
  })

  it("whose disk finds no space left on the host ends with what to do", async () => {
    const { exitCode, stdout } = await place.runTest(
      testOf(`await vm.succeed("dd if=/dev/urandom of=/big bs=1M count=600; sync")`),
      {
        mounts: `mount -t tmpfs -o size=128m tmpfs ${place.temporary}`
      }
    )
    assert.strictEqual(exitCode, 2)
    assert.include(stdout, "no space left on the host for the machine's disk")
    assert.match(stdout, /hint: .*TMPDIR/u)
  })

  it("is started again by emulation when KVM fails at boot, and a kernel that breaks there is the host's fault", async () => {
    // KVM as it is on some hosts: its probe passes, guests abort.
    const qemu = place.write("qemu", kvmThatAborts)
    chmodSync(qemu, 0o755)
    const env = { NIX_VM_TEST_QEMU: qemu, NIX_VM_TEST_CACHE: place.ownCache() }
    const mounts = devWithKvm(join(place.folder, "dev"))
    const { exitCode, stdout } = await place.runTest(
      testOf(
        `await vm.succeed("echo 'BUG: unable to handle page fault for address: 0' > /dev/kmsg")`,
        `await vm.waitForConsoleText(/page fault for address/)`,
        `await vm.succeed("exit 7")`
      ),
      { env, mounts }
    )
    assert.include(stdout, "accelerator: KVM: KVM works here")
    assert.match(stdout, /vm: retry: started again by emulation \(TCG\).*unhandled exit/u)
    assert.strictEqual(exitCode, 2)
    assert.match(stdout, /the guest's kernel broke under emulation: .*BUG: unable to handle page fault/u)
    assert.match(stdout, /what failed then\n.*command `exit 7` failed/u)
    assert.include(stdout, "hint: ")

    const next = await place.runTest(testOf(`throw new Error("enough")`), {
      env,
      mounts: devWithKvm(join(place.folder, "dev2"))
    })
    assert.match(next.stdout, /accelerator: TCG: KVM is here but does not work: .*unhandled exit/u)
  })
})

describe("a disk that the firmware finds nothing on", () => {
  /** A boot sector that gives the firmware its turn again: `int 0x18`. */
  const bootSector = (): Uint8Array => {
    const disk = new Uint8Array(1024 ** 2)
    disk.set([0xcd, 0x18])
    disk.set([0x55, 0xaa], 510)
    return disk
  }

  it.each([
    ["debian", "nothing on the guest's disk can be started"],
    ["unknown", "disk.raw can't be prepared for tests: .*nothing on the guest's disk can be started"]
  ])("ends the start at once, with the console (family %s)", async (family, message) => {
    place.write("disk.raw", bootSector())
    const { exitCode, stdout } = await place.runTest(
      `import { defineTest, fromFile } from "@nix-vm-test/core"
       export default defineTest({
         machines: { vm: { image: fromFile("./disk.raw", { family: "${family}", version: "12" }), start: "cold" } },
         async script({ vm }) { await vm.succeed("true") }
       })`
    )
    assert.strictEqual(exitCode, 2)
    assert.match(stdout, new RegExp(message, "u"))
    assert.include(stdout, "No bootable device.")
  })
})
