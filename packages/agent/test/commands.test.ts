import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { randomBytes } from "node:crypto"
import { assert, describe } from "@effect/vitest"
import { agentTest } from "./support/agentTest.ts"
import { Agent, type Exec, Host, u16, u32, u8 } from "./support/Wire.ts"

const test = agentTest()

const errno = { ENOENT: 2, ESRCH: 3, EACCES: 13, ENOTDIR: 20, EINVAL: 22 } as const

const isAlive = (pid: number): boolean =>
  existsSync(`/proc/${pid}`) && !/^State:\s+Z/mu.test(readFileSync(`/proc/${pid}/status`, "utf8"))

const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) {
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

interface Case {
  readonly exec: Exec
  readonly out?: string | RegExp
  readonly err?: string | RegExp
  readonly code?: number
  readonly signal?: number
  readonly errno?: number
}

const matches = (actual: string, expected: string | RegExp): void =>
  typeof expected === "string" ? assert.strictEqual(actual, expected) : assert.match(actual, expected)

const cases: Readonly<Record<string, Case>> = {
  "both streams apart and the code": {
    exec: { command: "echo out; echo err >&2; exit 3" },
    out: "out\n",
    err: "err\n",
    code: 3
  },
  "exit 137 is not a signal": { exec: { command: "exit 137" }, code: 137 },
  "the shell's own death is a signal": { exec: { command: "kill -9 $$; echo not reached" }, code: 137, signal: 9 },
  "$$ is the command's own process": {
    exec: { command: 'test $$ = $BASHPID && test $$ != "$PPID" && echo yes' },
    out: "yes\n"
  },
  "exec replaces the shell": { exec: { command: "exec sh -c 'exit 5'" }, code: 5 },
  "an exit trap runs": { exec: { command: "trap 'echo bye' EXIT; exit 4" }, out: "bye\n", code: 4 },
  "SIGPIPE works": { exec: { command: 'yes | head -n 1; echo "${PIPESTATUS[@]}"' }, out: "y\n141 0\n", err: "" },
  "lines count from 1": { exec: { command: "\nnope" }, err: /line 2: nope: command not found/u, code: 127 },
  "syntax errors are the shell's": { exec: { command: "if" }, err: /syntax error/u, code: 2 },
  "code in UTF-8, quotes and no last line feed": { exec: { command: `printf '%s' "häß 😀 'x'"` }, out: "häß 😀 'x'" },
  "text is UTF-8": { exec: { command: 'x=häß; echo ${#x} "$LANG" "${LC_ALL-none}"' }, out: "3 C.UTF-8 none\n" },
  "empty code": { exec: { command: "" } },
  "no stdin is the end of the file": { exec: { command: "read -r line; echo $? $line" }, out: "1\n" },
  "strict: a failed command ends it": { exec: { command: "false; echo no", strict: true }, code: 1, out: "" },
  "strict: a failed part of a pipe ends it": {
    exec: { command: "false | true; echo no", strict: true },
    code: 1,
    out: ""
  },
  "strict: an unset variable ends it": {
    exec: { command: 'echo "$unset_name"; echo no', strict: true },
    out: "",
    err: /unbound/u,
    code: 1
  },
  "not strict by itself": { exec: { command: "false; echo yes" }, out: "yes\n" },
  "variables in any shape": {
    exec: { command: 'printf "%s|" "$A" "$B" "$PATH"', env: { A: "it's $HOME\n`x`", B: "", PATH: "/bin:/usr/bin" } },
    out: "it's $HOME\n`x`||/bin:/usr/bin|"
  },
  "a variable that no shell can export": { exec: { command: "env | grep ^A.B=", env: { "A.B": "c" } }, out: "A.B=c\n" },
  "a variable that bash lets nobody assign": { exec: { command: "echo $UID", env: { UID: "7" } }, out: "7\n" },
  "a folder": { exec: { command: "pwd", directory: "/usr/bin" }, out: "/usr/bin\n" },
  "a folder that is not there": { exec: { command: "pwd", directory: "/nope" }, code: -1, errno: errno.ENOENT },
  "a folder that is none": { exec: { command: ["true"], directory: "/etc/passwd" }, code: -1, errno: errno.ENOTDIR },
  "a user": {
    exec: { command: 'id -un; id -gn; pwd; echo "$USER $LOGNAME"', user: "nobody" },
    out: "nobody\nnogroup\n/\nnobody nobody\n"
  },
  "a user without a shell in between": { exec: { command: ["id", "-u"], user: "nobody" }, out: "65534\n" },
  "a user may not what root may": {
    exec: { command: ["cat", "/etc/shadow"], user: "nobody" },
    code: 1,
    err: /denied/u
  },
  "nobody of this name": { exec: { command: "true", user: "no-such-user" }, code: -1, errno: errno.ESRCH },
  "arguments as they are": { exec: { command: ["printf", "%s|", "a b", "$HOME", "", "'"] }, out: "a b|$HOME||'|" },
  "a program in the given PATH only": {
    exec: { command: ["true"], env: { PATH: "/nope" } },
    code: -1,
    errno: errno.ENOENT
  },
  "a program that is not there": { exec: { command: ["no-such-program"] }, code: -1, errno: errno.ENOENT },
  "a program that is none": { exec: { command: ["/etc/passwd"] }, code: -1, errno: errno.EACCES },
  "an empty program": { exec: { command: [""] }, code: -1, errno: errno.ENOENT },
  "no arguments at all": { exec: { command: [] }, code: -1, errno: errno.EINVAL }
}

describe("commands", () => {
  for (const [name, expected] of Object.entries(cases)) {
    test(name, async ({ agent }) => {
      const result = await agent.exec(expected.exec)
      assert.deepStrictEqual(
        {
          code: result.code,
          signal: result.signal,
          errno: result.errno,
          timedOut: result.timedOut,
          heldOpen: result.heldOpen
        },
        {
          code: expected.code ?? 0,
          signal: expected.signal ?? 0,
          errno: expected.errno ?? 0,
          timedOut: false,
          heldOpen: 0
        }
      )
      if (expected.out !== undefined) matches(result.out, expected.out)
      if (expected.err !== undefined) matches(result.err, expected.err)
      assert.deepStrictEqual(result.sent, [result.stdout.length, result.stderr.length])
    })
  }

  test("the environment is a root login's, with nothing of the agent in it", async ({ agent }) => {
    const result = await agent.exec(
      'env -u _; declare -F; compgen -v | grep -x -e agent -e code -e in -e out -e err -e status -e size -e line; echo "$0 $# $-"'
    )
    const home = (await agent.exec("echo ~root")).out.trim()
    assert.sameMembers(result.out.trim().split("\n"), [
      `HOME=${home}`,
      "USER=root",
      "LOGNAME=root",
      `SHELL=${(await agent.exec("getent passwd root | cut -d: -f7")).out.trim()}`,
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      "LANG=C.UTF-8",
      `PWD=${home}`,
      "SHLVL=1",
      "bash 0 hB"
    ])
  })

  test("only the three standard descriptors, no blocked and no ignored signals", async ({ agent }) => {
    for (const command of [
      "ls /proc/self/fd; grep Sig[BI] /proc/self/status",
      ["sh", "-c", "ls /proc/self/fd; grep Sig[BI] /proc/self/status"]
    ]) {
      const { out } = await agent.exec({ command })
      // 3 is the folder that ls reads.
      assert.strictEqual(out, "0\n1\n2\n3\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n")
    }
  })

  test("nothing of one call is left in the next", async ({ agent }) => {
    await agent.exec(
      'cd /tmp; umask 077; export LEFT=1; left() { :; }; set -e; trap "echo late" EXIT; ulimit -n 100; exec 9>/dev/null'
    )
    const before = await agent.exec(
      'pwd; umask; echo "${LEFT-unset}"; type left; false; ulimit -n; ls /proc/self/fd | wc -l'
    )
    assert.match(before.out, /^\/root\n0022\nunset\n(?!100\n)\d+\n4\n$/u)
  })

  test("a hundred commands one after the other, each with its own process", async ({ agent }) => {
    const pids = new Set<string>()
    for (let turn = 0; turn < 100; turn++) {
      const { out } = await agent.exec(`echo $$ ${turn}`)
      const [pid = "", number] = out.trim().split(" ")
      assert.strictEqual(number, String(turn))
      pids.add(pid)
    }
    assert.strictEqual(pids.size, 100)
  })

  test("twenty at once, in parallel and not mixed up", async ({ agent }) => {
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        agent.exec(
          `touch ${agent.directory}/${index}; while [ "$(ls ${agent.directory} | grep -c '^[0-9]')" -lt 20 ]; do sleep 0.02; done; echo ${index}; exit ${index}`
        )
      )
    )
    assert.deepStrictEqual(
      results.map(({ code, out }) => [code, out]),
      Array.from({ length: 20 }, (_, index) => [index, `${index}\n`])
    )
  })

  test("code and environment far larger than a frame", async ({ agent }) => {
    const text = "x".repeat(1_000_000)
    const shell = await agent.exec({
      command: `text=${text}; echo \${#text} \${#LONG}`,
      env: { LONG: "y".repeat(100_000) }
    })
    assert.strictEqual(shell.out, "1000000 100000\n")
    const program = await agent.exec({ command: ["sh", "-c", "echo ${#1}", "sh", "z".repeat(100_000)] })
    assert.strictEqual(program.out, "100000\n")
  })

  test("more than 16 MiB of request is refused, and the id is free again", async ({ agent }) => {
    const id = agent.startExec({ command: `: ${"x".repeat(17 * 1024 * 1024)}` })
    assert.strictEqual((await agent.finish(id)).errno, 7)
    agent.startExec({ command: "echo again" }, id)
    assert.strictEqual((await agent.finish(id)).out, "again\n")
  })

  test("the resident shell's death is survived", async ({ agent }) => {
    const { out } = await agent.exec(`pgrep -P ${agent.child.pid} -x bash | grep -vx $$`)
    const shells = out.trim().split("\n")
    // The resident one, and one at least that it prepared.
    assert.isAbove(shells.length, 1)
    await agent.exec(["kill", "-9", ...shells].join(" "))
    for (let turn = 0; turn < 20; turn++) {
      assert.strictEqual((await agent.exec(`echo ${turn}`)).out, `${turn}\n`)
    }
  })
})

describe("time-outs", () => {
  test("the whole group is killed, what it wrote is kept", async ({ agent }) => {
    const result = await agent.exec({
      command: "echo part; echo perr >&2; sleep 777 | cat & echo $!; wait",
      timeoutMs: 300
    })
    assert.isTrue(result.timedOut)
    assert.deepStrictEqual([result.code, result.signal, result.err], [143, 15, "perr\n"])
    assert.match(result.out, /^part\n\d+\n$/u)
    const group = await agent.exec(`ps -o pid= --no-headers -g ${result.pid} | wc -l`)
    assert.strictEqual(group.out.trim(), "0")
  })

  test("SIGKILL for those that ignore SIGTERM", async ({ agent }) => {
    const result = await agent.exec({
      command: "trap '' TERM; echo armed; while :; do sleep 0.05; done",
      timeoutMs: 300
    })
    assert.deepStrictEqual([result.timedOut, result.signal, result.out], [true, 9, "armed\n"])
  })

  test("a group whose leader gave way is killed as well", async ({ agent }) => {
    const result = await agent.exec({
      command: "(trap '' TERM; echo $BASHPID; while :; do sleep 0.05; done) & wait",
      timeoutMs: 300
    })
    assert.isTrue(result.timedOut)
    const pid = Number(result.out)
    await until(() => !isAlive(pid))
  })

  test("a stopped group is killed", async ({ agent }) => {
    const result = await agent.exec({ command: "kill -STOP $$", timeoutMs: 200 })
    assert.deepStrictEqual([result.timedOut, result.signal], [true, 15])
  })

  test("programs and users as well", async ({ agent }) => {
    const result = await agent.exec({ command: ["sleep", "777"], timeoutMs: 100, user: "nobody" })
    assert.deepStrictEqual([result.timedOut, result.code], [true, 143])
  })

  test("none for what ends in time", async ({ agent }) => {
    assert.isFalse((await agent.exec({ command: "true", timeoutMs: 60_000 })).timedOut)
  })
})

describe("signals", () => {
  test("to the group", async ({ agent }) => {
    const id = agent.startExec({ command: "echo up; sleep 777 | sleep 778" })
    await agent.next(id, Agent.stdout)
    agent.send(Host.kill, id, Buffer.concat([u8(15), u8(0)]))
    const exit = await agent.finish(id)
    assert.deepStrictEqual([exit.code, exit.signal, exit.timedOut], [143, 15, false])
  })

  test("to the first process only", async ({ agent }) => {
    const id = agent.startExec({ command: "sleep 777 & echo $!; wait" })
    const { payload } = await agent.next(id, Agent.stdout)
    agent.send(Host.kill, id, Buffer.concat([u8(9), u8(1)]))
    const exit = await agent.finish(id)
    assert.deepStrictEqual([exit.signal, exit.heldOpen], [9, 3])
    const sleeper = Number(payload.toString())
    assert.isTrue(isAlive(sleeper))
    process.kill(sleeper, "SIGKILL")
  })

  test("after the end they are ignored", async ({ agent }) => {
    const id = agent.startExec({ command: "true" })
    await agent.finish(id)
    agent.send(Host.kill, id, Buffer.concat([u8(9), u8(0)]))
    assert.strictEqual((await agent.exec("echo ok")).out, "ok\n")
  })
})

describe("processes left behind", () => {
  test("are reported, run on, and are never heard again", async ({ agent }) => {
    const marker = join(agent.directory, "late")
    const result = await agent.exec(`(sleep 0.3; echo LATE; echo LATE >&2; touch ${marker}; sleep 777) & echo $!`)
    assert.strictEqual(result.heldOpen, 3)
    const pid = Number(result.out)
    await until(() => existsSync(marker))
    assert.strictEqual((await agent.exec("echo clean")).out, "clean\n")
    assert.isTrue(isAlive(pid))
    process.kill(pid, "SIGKILL")
  })

  test("do not block on a full pipe nor die of its end", async ({ agent }) => {
    const marker = join(agent.directory, "done")
    const result = await agent.exec(`(sleep 0.1; head -c 1000000 /dev/zero && touch ${marker}) & echo started`)
    assert.strictEqual(result.out, "started\n")
    await until(() => existsSync(marker))
  })

  test("a chatty one does not keep the call open", async ({ agent }) => {
    const result = await agent.exec("yes & echo $! >&2; sleep 0.1")
    assert.strictEqual(result.heldOpen, 3)
    process.kill(Number(result.err), "SIGKILL")
  })

  test("with streams of their own are not reported", async ({ agent }) => {
    const result = await agent.exec(
      "sleep 777 </dev/null >/dev/null 2>&1 & while [ $(readlink /proc/$!/fd/2) != /dev/null ]; do :; done; echo $!"
    )
    assert.strictEqual(result.heldOpen, 0)
    process.kill(Number(result.out), "SIGKILL")
  })

  test("that end soon are read to their end, or reported", async ({ agent }) => {
    const result = await agent.exec("{ sleep 0.01; echo late; } & echo now")
    assert.include([["now\nlate\n", 0].join(), ["now\n", 3].join()], [result.out, result.heldOpen].join())
  })
})

describe("stdin", () => {
  const noise = randomBytes(300_000)
  for (const command of ["cat", ["cat"]] as const) {
    test(`300 000 random bytes through ${typeof command === "string" ? "shell code" : "a program"}`, async ({
      agent
    }) => {
      const id = agent.startExec({ command, stdin: true })
      assert.isTrue(await agent.feed(id, noise))
      assert.isTrue((await agent.finish(id)).stdout.equals(noise))
    })
  }

  test("more than the agent holds: the host waits for credit", async ({ agent }) => {
    const bytes = randomBytes(3 * 1024 * 1024)
    const file = join(agent.directory, "file")
    const id = agent.startExec({ command: `sleep 0.2; cat > ${file}`, stdin: true })
    await agent.feed(id, bytes)
    assert.strictEqual((await agent.finish(id)).code, 0)
    assert.isTrue(readFileSync(file).equals(bytes))
  })

  test("nobody reads any more: the host is told, and the call goes on", async ({ agent }) => {
    const id = agent.startExec({ command: "exec 0<&-; sleep 0.2; echo end", stdin: true })
    assert.isFalse(await agent.feed(id, randomBytes(2 * 1024 * 1024)))
    assert.strictEqual((await agent.finish(id)).out, "end\n")
  })

  test("a reader that ends early", async ({ agent }) => {
    const id = agent.startExec({ command: "head -c 10", stdin: true })
    await agent.next(id, Agent.stdinCredit)
    agent.send(Host.stdin, id, Buffer.from("0123456789abcdef"))
    assert.strictEqual((await agent.finish(id)).out, "0123456789")
  })
})

describe("credit", () => {
  test("without it a stream stops exactly, and nobody else waits", async ({ agent }) => {
    const id = agent.startExec({ command: "head -c 8000000 /dev/zero", windows: [65_536, 65_536] })
    let received = 0
    while (received < 65_536) {
      received += (await agent.next(id, Agent.stdout)).payload.length
    }
    assert.strictEqual(received, 65_536)
    for (let turn = 0; turn < 15; turn++) {
      assert.strictEqual((await agent.exec("echo hi")).out, "hi\n")
    }
    agent.send(Host.credit, id, Buffer.concat([u32(2 ** 31), u32(0)]))
    const rest = await agent.finish(id)
    assert.strictEqual(received + rest.stdout.length, 8_000_000)
    assert.deepStrictEqual(rest.sent, [8_000_000, 0])
  })

  test("bytes left in the pipe at the end wait for it", async ({ agent }) => {
    const id = agent.startExec({ command: "head -c 10000 /dev/zero; echo done >&2", windows: [1, 100] })
    assert.strictEqual((await agent.next(id, Agent.stderr)).payload.toString(), "done\n")
    assert.strictEqual((await agent.next(id, Agent.stdout)).payload.length, 1)
    agent.send(Host.credit, id, Buffer.concat([u32(20_000), u32(0)]))
    assert.strictEqual((await agent.finish(id)).stdout.length, 9999)
  })

  test("a stream without any credit sends nothing", async ({ agent }) => {
    const id = agent.startExec({ command: "echo out; echo err >&2", windows: [0, 100] })
    assert.strictEqual((await agent.next(id, Agent.stderr)).payload.toString(), "err\n")
    await agent.exec("true")
    agent.send(Host.credit, id, Buffer.concat([u32(100), u32(0)]))
    const result = await agent.finish(id)
    assert.deepStrictEqual([result.out, result.sent], ["out\n", [4, 4]])
  })

  test("a host that does not read makes nobody else's memory grow", async ({ agent }) => {
    const id = agent.startExec({ command: "yes", windows: [2 ** 31, 0] })
    await agent.next(id, Agent.stdout)
    agent.socket.pause()
    await new Promise((resolve) => setTimeout(resolve, 300))
    const rss = Number(/VmRSS:\s+(\d+) kB/u.exec(readFileSync(`/proc/${agent.child.pid}/status`, "utf8"))?.[1])
    assert.isBelow(rss, 4096)
    agent.socket.resume()
    agent.send(Host.kill, id, Buffer.concat([u8(9), u8(0)]))
    assert.strictEqual((await agent.finish(id)).signal, 9)
  })
})

describe("terminals", () => {
  test("one of the size that was asked for, its stderr in stdout", async ({ agent }) => {
    const result = await agent.exec({
      command: "tty; stty size; echo err >&2; echo $TERM; ps -o tpgid= -p $$ | tr -d ' '; echo $$",
      terminal: true,
      rows: 33,
      columns: 99
    })
    assert.match(result.out, /^\/dev\/pts\/\d+\r\n33 99\r\nerr\r\nxterm-256color\r\n(\d+)\r\n\1\r\n$/u)
    assert.deepStrictEqual([result.err, result.code], ["", 0])
  })

  test("resized while it runs", async ({ agent }) => {
    const id = agent.startExec({
      command: "trap 'stty size; exit 6' WINCH; echo ready; while :; do sleep 0.05; done",
      terminal: true,
      stdin: true
    })
    await agent.next(id, Agent.stdout)
    agent.send(Host.resize, id, Buffer.concat([u16(11), u16(22)]))
    const result = await agent.finish(id)
    assert.deepStrictEqual([result.out, result.code], ["11 22\r\n", 6])
  })

  test("typed text and the end of the file", async ({ agent }) => {
    const id = agent.startExec({ command: ["cat"], terminal: true, stdin: true })
    await agent.next(id, Agent.stdinCredit)
    agent.send(Host.stdin, id, Buffer.from("typed\n"))
    agent.send(Host.stdinEof, id)
    const result = await agent.finish(id)
    assert.deepStrictEqual([result.out, result.code], ["typed\r\ntyped\r\n", 0])
  })

  test("much output up to its last byte", async ({ agent }) => {
    const result = await agent.exec({ command: "seq 20000", terminal: true })
    assert.strictEqual(
      result.out.replaceAll("\r\n", "\n"),
      Array.from({ length: 20_000 }, (_, index) => `${index + 1}\n`).join("")
    )
  })

  test("interrupted by its control character", async ({ agent }) => {
    const id = agent.startExec({ command: ["sh", "-c", "echo up; exec sleep 777"], terminal: true, stdin: true })
    await agent.next(id, Agent.stdinCredit)
    await agent.next(id, Agent.stdout)
    agent.send(Host.stdin, id, Buffer.of(3))
    assert.strictEqual((await agent.finish(id)).signal, 2)
  })
})

describe("order of messages", () => {
  test("STARTED first, the end of each stream before the only EXIT", async ({ agent }) => {
    const id = agent.startExec({ command: "echo out; echo err >&2" })
    const types: Array<number> = []
    do {
      types.push((await agent.next(id)).type)
    } while (types.at(-1) !== Agent.exit)
    assert.strictEqual(types[0], Agent.started)
    assert.sameMembers(types.slice(1, -1), [Agent.stdout, Agent.stderr, Agent.eof, Agent.eof])
  })
})
