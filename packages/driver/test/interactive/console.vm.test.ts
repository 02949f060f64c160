import * as fs from "node:fs/promises"
import * as os from "node:os"
import * as path from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { openTerminalSession } from "../shell/TerminalSession.ts"

const ctrlC = "\u0003"
const ctrlD = "\u0004"
const enter = "\r"

let folder = ""
beforeAll(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), "nvt-console-"))
  // Without its site packages an interpreter has no IPython.
  await fs.writeFile(path.join(folder, "plain-python"), '#!/bin/sh\nexec /usr/bin/python3 -S "$@"\n', { mode: 0o755 })
})
afterAll(() => fs.rm(folder, { recursive: true }))

const machines = { server: { image: "debian:12", memory: "512MiB" } }

const writeTest = async (name: string, python: string): Promise<string> => {
  await fs.writeFile(path.join(folder, `${name}.py`), python)
  const spec = path.join(folder, `${name}.json`)
  await fs.writeFile(spec, JSON.stringify({ name, machines, script: { file: `./${name}.py` } }))
  return spec
}

const open = (args: string) => openTerminalSession(args, { XDG_STATE_HOME: path.join(folder, "state"), NO_COLOR: "1" })

describe("a console of Python", () => {
  it.each([
    ["IPython", "/usr/bin/python3", /In \[/u],
    ["Python's own", "plain-python", />>> /u]
  ] as const)("%s has the script's names, stops calls by Ctrl-C and ends by Ctrl-D", async (_, name, prompt) => {
    const test = await writeTest("looking", 'print("first", server.succeed("echo reading"))\n')
    using session = open(`run --interactive --python ${path.resolve(folder, name)} ${test}`)
    await session.see(/machines: server/u)
    await session.see(prompt)
    session.type(`print("up", server.succeed("echo $((6 * 7))"))${enter}`)
    await session.see(/up 42/u)
    await session.see(prompt)
    session.type(`server.succeed("echo on the con''sole > /dev/console; sleep 1")${enter}`)
    await session.see(/server # on the console/u)
    await session.see(prompt)
    session.type(`print("be" + "gun"); server.succeed("sleep 1234")${enter}`)
    await session.see(/begun/u)
    session.type(ctrlC)
    await session.see(/KeyboardInterrupt/u)
    await session.see(prompt)
    session.type(`server.wait_until_fails("pgrep --full --exact 'sleep 1234'"); print("a" + "live")${enter}`)
    await session.see(/alive/u)
    await session.see(prompt)
    await fs.writeFile(path.join(folder, "looking.py"), 'print("changed", server.succeed("echo read again"))\n')
    session.type(`test_script()${enter}`)
    await session.see(/changed read again/u)
    await session.see(prompt)
    session.type(`server.suceed("true")${enter}`)
    await session.see(/did you mean 'succeed'/u)
    await session.see(prompt)
    session.type(ctrlD)
    await session.see(/code=0/u)
    assert.match(await session.see(/over/u), / icanon /u)
  })

  it("opens where the script has failed, with the variables of that place, and the verdict stays", async () => {
    const script = "def look(found):\n    assert found == 'other', found\n\nlook(server.succeed('echo this'))\n"
    const test = await writeTest("failing", script)
    using session = open(`run --pause-on-failure --python ${path.join(folder, "plain-python")} ${test}`)
    await session.see(/!!! AssertionError: this/u)
    await session.see(/machines run on/u)
    await session.see(/>>> /u)
    session.type(`print("found", repr(found), server.is_up())${enter}`)
    await session.see(/found 'this\\n' True/u)
    session.type(ctrlD)
    assert.match(await session.see(/code=1/u), /failing failed/u)
  })

  it("has a shell of the guest in the midst of a script", async () => {
    const test = await writeTest("shell", 'server.shell_interact()\nprint("left", server.succeed("cat /tmp/made"))\n')
    using session = open(`run --python /usr/bin/python3 ${test}`)
    await session.see(/root@\S+# /u)
    session.type(`stty size > /tmp/made; echo six times $((6 * 7))${enter}`)
    await session.see(/six times 42/u)
    // Said by the job itself: the shell has given it the terminal by then, so that Ctrl-C is its own.
    session.type(`sh -c 'echo be""gun; exec sleep 1234'${enter}`)
    await session.see(/begun\r\n/u)
    session.type(ctrlC)
    await session.see(/root@\S+# /u)
    session.type(`exit${enter}`)
    await session.see(/left 33 101/u)
    await session.see(/code=0/u)
    assert.match(await session.see(/over/u), / icanon /u)
  })

  it("ends in order when its terminal is closed", async () => {
    const test = await writeTest("closed", "")
    using session = open(`run --interactive --python ${path.join(folder, "plain-python")} ${test}`)
    await session.see(/>>> /u)
    session.type(`server.succeed("true"); print("rea" + "dy")${enter}`)
    await session.see(/ready/u)
    const below = await session.processes()
    assert.isNotEmpty(below.filter(({ name }) => name.startsWith("qemu-system")))
    session.hangUp()
    await session.gone(below)
  })
})

describe("a console of TypeScript", () => {
  it("awaits at the prompt, completes, stops calls by Ctrl-C and reads the script anew", async () => {
    const test = path.join(folder, "console.mts")
    const scriptThat = (words: string): string =>
      [
        'import { defineTest } from "@nix-vm-test/core"',
        `export default defineTest({ machines: ${JSON.stringify(machines)},`,
        `  async script({ server, log }) { log(await server.succeed("echo re''ad ${words}")) } })`
      ].join("\n")
    await fs.writeFile(test, scriptThat("first"))
    using session = open(`repl ${test}`)
    const prompt = /nix-vm-test> /u
    await session.see(/machines: server/u)
    await session.see(prompt)
    session.type(`await server.succeed("echo $((6 * 7))")${enter}`)
    await session.see(/'42\\n'/u)
    session.type("server.waitForOpenP\t")
    await session.see(/waitForOpenPort/u)
    session.type(`${ctrlC}await server.succeed("sleep 1234")${enter}`)
    // Said by the report: the console awaits by then, and takes Ctrl-C as a key.
    await session.see(/must succeed: sleep 1234/u)
    session.type(ctrlC)
    await session.see(/stopped by Ctrl-C|interrupted/u)
    session.type(`await server.waitUntilFails("pgrep --full --exact 'sleep 1234'"), "a" + "live"${enter}`)
    await session.see(/'alive'/u)
    session.type(`console.log("loop" + "ing"); while (true) {}${enter}`)
    await session.see(/looping/u)
    session.type(ctrlC)
    await session.see(/interrupted/u)
    session.type(`console.log("left with", await server.shell())${enter}`)
    await session.see(/root@\S+# /u)
    session.type(`exit 7${enter}`)
    await session.see(/left with 7/u)
    await fs.writeFile(test, scriptThat("second"))
    session.type(`await testScript()${enter}`)
    await session.see(/read second/u)
    session.type(ctrlD)
    await session.see(/code=0/u)
    assert.match(await session.see(/over/u), / icanon /u)
  })
})
