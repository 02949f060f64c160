import { assert, describe, it } from "@effect/vitest"
import { runNode } from "../runNode.ts"
import { openTerminalSession } from "./TerminalSession.ts"

const ctrlC = "\u0003"
const prompt = /root@\S+# /u

describe("nix-vm-test shell", () => {
  it("is a terminal: keys, Ctrl-C and sizes reach the guest, the shell's exit code comes back", async () => {
    using session = openTerminalSession("shell debian 12 --memory 512MiB")
    await session.see(/exit or Ctrl-D ends it/u)
    await session.see(prompt)
    session.type("echo 6 times 7 is $((6 * 7)); stty size\r")
    await session.see(/6 times 7 is 42\r\n33 101\r\n/u)
    await session.resize({ rows: 44, columns: 120 })
    session.type("while [ \"$(stty size)\" != '44 120' ]; do sleep 0.1; done; echo resi''zed\r")
    await session.see(/resized/u)
    // Said by the job itself: bash has given it the terminal by then, so that Ctrl-C is its own.
    session.type("sh -c 'echo be\"\"gun; exec sleep 1000'\r")
    await session.see(/begun\r\n/u)
    session.type(ctrlC)
    await session.see(prompt)
    session.type("echo code $?\r")
    await session.see(/code 130\r\n/u)
    session.type("exit 7\r")
    await session.see(/code=7\r\n/u)
    assert.match(await session.see(/over/u), / icanon /u)
  })

  it("gives the terminal back when the guest dies under it, and says why", async () => {
    using session = openTerminalSession("shell debian:12 --memory 512MiB --accel tcg")
    await session.see(prompt)
    session.type("echo full''screen; less /etc/services\r")
    await session.see(/fullscreen/u)
    await session.see(/Network services|discard/u)
    await session.kill("qemu-system")
    const shown = await session.see(/code=2\r\n/u)
    assert.include(shown, "\u001b[?1047l")
    assert.match(shown, /infrastructure failure[\s\S]*SIGKILL/u)
    assert.match(await session.see(/over/u), / icanon /u)
  })

  it("runs the commands on stdin where there is no terminal", async () => {
    const { exitCode, stdout, stderr } = await runNode({
      script: "../src/main.ts",
      args: ["shell", "debian:12", "--memory", "512MiB", "--share", `${import.meta.dirname}:/mnt`],
      stdin: "uname -s\nls /mnt\necho problem >&2\nexit 3\n"
    })
    assert.deepStrictEqual([exitCode, stdout.split("\n")[0]], [3, "Linux"])
    assert.include(stdout, "TerminalSession.ts")
    assert.match(stderr, /ready in [\s\S]*problem\n$/u)
  })
})
