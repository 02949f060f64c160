import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, describe, it } from "@effect/vitest"
import { runPython } from "./runPython.ts"

const folder = mkdtempSync(join(tmpdir(), "nvt-python-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A program that is called in place of Python. */
const program = (name: string, text: string): string => {
  const file = join(folder, name)
  writeFileSync(file, text)
  chmodSync(file, 0o755)
  return file
}

/** Lines of a script, from its first one on. */
const script = (...lines: ReadonlyArray<string>): string => lines.join("\n")

describe("a Python script that ends", () => {
  it("passes, and what it prints is in the report", async () => {
    const { failures, lines } = await runPython(
      script("import sys", "print('out')", "print('err', file=sys.stderr)", "print('no end', end='')")
    )
    assert.deepStrictEqual(failures, [])
    assert.sameMembers([...lines], ["out", "err", "no end"])
  })

  it("by an exception shows its own frames only, each line marked", async () => {
    const { failures, lines } = await runPython(
      script("def inner():", "    raise ValueError('boom')", "", "retry(lambda last: inner())")
    )
    const [failure] = failures
    assert.strictEqual(failure?.kind, "test")
    assert.strictEqual(failure?.message, "ValueError: boom")
    assert.deepStrictEqual(
      failure?.frames.map(({ file, line, source }) => [file, line, source]),
      [
        ["<script>", 2, "raise ValueError('boom')"],
        ["<script>", 4, "retry(lambda last: inner())"],
        ["<script>", 4, "retry(lambda last: inner())"]
      ]
    )
    assert.deepStrictEqual(
      lines.filter((line) => !line.includes("^^^")),
      [
        "!!! Traceback (most recent call last):",
        `!!!   File "<script>", line 4, in <module>`,
        "!!!     retry(lambda last: inner())",
        `!!!   File "<script>", line 4, in <lambda>`,
        "!!!     retry(lambda last: inner())",
        `!!!   File "<script>", line 2, in inner`,
        "!!!     raise ValueError('boom')",
        "!!! ValueError: boom"
      ]
    )
  })

  it.each([
    ["sys.exit(0)", "import sys; sys.exit(0)", /the script called sys\.exit\(0\)/u],
    ["sys.exit(3)", "import sys; sys.exit(3)", /the script called sys\.exit\(3\)/u],
    ["log.error", "log.error('no')", /the script called sys\.exit\(1\)/u],
    ["os._exit", "os._exit(0)", /Python ended with exit code 0 before the script had come to its end/u],
    ["a signal", "os.kill(os.getpid(), 9)", /Python was killed by SIGKILL before the script/u],
    ["a crash", "import ctypes; ctypes.string_at(0)", /Python was killed by SIGSEGV before the script/u],
    ["an assertion of unittest's", "t.assertEqual([1], [2])", /Lists differ: \[1\] != \[2\]/u],
    ["a plain assertion", "assert 1 == 2, 'not one'", /AssertionError: not one/u],
    ["a syntax error", "x = 1\nif x\n", /SyntaxError: expected ':'/u],
    ["a null byte", "x = '\0'", /null bytes/u]
  ])("by %s fails the test", async (_, text, message) => {
    const { failures } = await runPython(text)
    assert.strictEqual(failures.length, 1)
    assert.match(failures[0]?.message ?? "", message)
    assert.strictEqual(failures[0]?.kind, "test")
  })

  it("by a syntax error shows the line that is no Python", async () => {
    const { failures, lines } = await runPython("x = 1\nif x\n")
    assert.deepStrictEqual(
      failures[0]?.frames.map(({ line, source }) => [line, source]),
      [[2, "if x"]]
    )
    assert.deepStrictEqual(lines, [])
  })

  it("leaving a thread behind is told of it", async () => {
    const { failures, lines } = await runPython(
      script(
        "import threading, time",
        "threading.Thread(target=lambda: time.sleep(600), name='left').start()",
        "threading.Thread(target=lambda: time.sleep(600), name='daemon', daemon=True).start()"
      )
    )
    assert.deepStrictEqual(failures, [])
    assert.deepStrictEqual(lines, [`the script left thread "left" running; it was ended`])
  })

  it("having printed what is no UTF-8 shows the rest", async () => {
    const { failures, lines } = await runPython("os.write(1, b'a\\xff\\xfeb\\n'); os.write(1, b'z')")
    assert.deepStrictEqual(failures, [])
    assert.deepStrictEqual(lines, ["a��b", "z"])
  })

  it("having printed more than anybody reads says how much is not shown", async () => {
    const { failures, lines } = await runPython("for _ in range(1024): os.write(1, b'x' * 1024 * 1024)")
    assert.deepStrictEqual(failures, [])
    assert.strictEqual(lines.slice(0, -1).join("").length, 16 * 1024 ** 2)
    assert.match(lines.at(-1) ?? "", /^the script printed 16 MiB and 1008 MiB more, which are not shown/u)
  })
})

describe("names that are not there", () => {
  it.each([
    ["def f():\n    return srever\nserver = 1\nf()", "NameError: name 'srever' is not defined; did you mean 'server'?"],
    ["start_al()", "NameError: name 'start_al' is not defined; did you mean 'start_all'?"],
    ["xyzzy", "NameError: name 'xyzzy' is not defined"]
  ])("%j", async (text, message) => {
    const { failures, lines } = await runPython(text)
    assert.strictEqual(failures[0]?.message, message)
    assert.strictEqual(lines.at(-1), `!!! ${message}`)
  })
})

describe("subtests", () => {
  const text = script(
    "with subtest('first'):",
    "    t.assertTrue(False, 'one')",
    "with subtest('second'):",
    "    print('runs')",
    "with subtest('third'):",
    "    raise OSError('three')",
    "raise KeyError('end')"
  )

  it("end the script when one fails", async () => {
    const { failures, lines } = await runPython(text)
    assert.deepStrictEqual(
      failures.map(({ message }) => message),
      ["RequestedAssertionFailed: False is not true : one"]
    )
    assert.include(lines, `Test "first" failed with error: "False is not true : one"`)
    assert.notInclude(lines, "runs")
  })

  it("go on with keepGoing, and all failures are told", async () => {
    const { failures, lines, events } = await runPython(text, { keepGoing: true })
    assert.deepStrictEqual(
      failures.map(({ message, frames }) => [message, frames[0]?.line]),
      [
        ["RequestedAssertionFailed: False is not true : one", 2],
        ["OSError: three", 6],
        ["KeyError: 'end'", 7]
      ]
    )
    assert.include(lines, "runs")
    const outcomes = events.flatMap((event) => (event._tag === "StepFinished" ? [event.outcome] : []))
    assert.deepStrictEqual(outcomes, ["failed", "passed", "failed"])
  })
})

describe("helpers", () => {
  it.each([
    ["retry ends with the function", "retry(lambda last: True)"],
    [
      "retry calls once more after its time",
      script(
        "seen = []",
        "def f(last):",
        "    seen.append(last)",
        "    return False",
        "try:",
        "    retry(f, timeout=0.1)",
        "    raise SystemError('passed')",
        "except RequestedAssertionFailed as error:",
        "    import re",
        "    assert re.fullmatch(r'action timed out after 0\\.\\d\\d seconds \\(timeout=0\\.1\\)', str(error)), error",
        "assert seen[-1] is True and not any(seen[:-1])"
      )
    ],
    [
      "polling conditions raise with their description",
      script(
        "from datetime import timedelta",
        "state = True",
        "@polling_condition(interval=timedelta(seconds=0))",
        "def holds():",
        "    'the state holds'",
        "    return state",
        "with holds:",
        "    holds.maybe_raise()",
        "    state = False",
        "    try:",
        "        holds.maybe_raise()",
        "        raise SystemError('held')",
        "    except PollingConditionError as error:",
        "        assert str(error) == 'Polling condition failed: the state holds', error",
        "state = None",
        "holds.wait(timeout=timedelta(seconds=1))"
      )
    ],
    [
      "what belongs to all machines is there",
      script(
        "assert machines == machines_qemu == driver.machines == [] and machines_nspawn == [] and vlans == []",
        "start_all(); join_all(); dump_machine_ssh()",
        "assert callable(test_script) and callable(run_tests) and callable(create_machine)",
        "serial_stdout_off(); serial_stdout_on()",
        "with log.nested('group'): log.info('inside')",
        "assert QemuMachine is Machine and os.getpid() > 0 and callable(debug.breakpoint)"
      )
    ]
  ])("%s", async (_, text) => {
    const { failures } = await runPython(text)
    assert.deepStrictEqual(failures, [])
  })

  it("warn of old forms, once each", async () => {
    const { lines } = await runPython(
      script(
        "retry(lambda last: True, 5)",
        "retry(lambda last: True, timeout=5)",
        "retry(lambda last: True, timeout_seconds=7)",
        "polling_condition(seconds_interval=3)(lambda: True)"
      )
    )
    const warnings = lines.filter((line) => line.startsWith("??? Warning (Deprecated): "))
    assert.strictEqual(new Set(warnings).size, warnings.length)
    assert.strictEqual(warnings.filter((line) => line.includes("bare int/float")).length, 1)
    assert.strictEqual(warnings.filter((line) => line.includes("seconds_interval")).length, 1)
    assert.strictEqual(warnings.filter((line) => line.includes("timeout_seconds")).length, 1)
  })

  it("let somebody look around in Python's debugger", async () => {
    const { failures, lines } = await runPython(
      script(
        "import socket, threading, time",
        "def visit():",
        "    while True:",
        "        try:",
        "            guest = socket.create_connection(('127.0.0.1', port))",
        "            break",
        "        except OSError:",
        "            time.sleep(0.01)",
        "    guest.sendall(b'p secret * 2\\nc\\n')",
        "    with guest.makefile() as stream: log.info(stream.read())",
        "with socket.create_server(('127.0.0.1', 0)) as free: port = free.getsockname()[1]",
        "visitor = threading.Thread(target=visit)",
        "visitor.start()",
        "secret = 21",
        "debug.breakpoint(port=port)",
        "visitor.join()"
      )
    )
    assert.deepStrictEqual(failures, [])
    assert.match(lines.join("\n"), /the script waits in Python's debugger: nc 127\.0\.0\.1 \d+[^]*42/u)
  })
})

describe("a Python that can't run scripts", () => {
  it.each([
    ["is not there", () => "no-such-python", /no Python to run the script with: no-such-python is not on PATH/u],
    [
      "is too old",
      () => program("old", "#!/bin/sh\necho 'python 3.8 is too old' >&2\nexit 1\n"),
      /old is Python 3\.8; scripts need 3\.9 or newer/u
    ],
    [
      "is broken",
      () => program("broken", "#!/bin/sh\necho 'Fatal Python error: init_fs_encoding' >&2\nexit 1\n"),
      /broken does not work: Python ended with exit code 1: Fatal Python error: init_fs_encoding/u
    ],
    [
      "is no program",
      () => program("text", "just text\n"),
      /text does not work: Python ended with exit code 127: .*just: not found/u
    ]
  ])("%s", async (_, command, message) => {
    const { failures } = await runPython("pass", { command: command() })
    assert.strictEqual(failures.length, 1)
    assert.match(failures[0]?.message ?? "", message)
    assert.strictEqual(failures[0]?.kind, "infrastructure")
    assert.match(failures[0]?.hint ?? "", /--python/u)
  })
})

describe("a Python that writes nonsense on the bridge", () => {
  const frame = (header: unknown): string => {
    const json = Buffer.from(JSON.stringify(header))
    const lengths = Buffer.alloc(8)
    lengths.writeUInt32BE(json.length)
    return `bytes.fromhex('${Buffer.concat([lengths, json]).toString("hex")}')`
  }
  it.each([
    ["of no form", "b'nonsense, and more of it'", /Python sent a frame that announces/u],
    ["that is no JSON", "b'\\0\\0\\0\\1\\0\\0\\0\\0{'", /Python sent a header that is no JSON: \{/u],
    [
      "that nobody knows",
      frame({ type: "surprise" }),
      /Python sent a message of no known form: \{"type":"surprise"\}/u
    ],
    ["with wrong parts", frame({ type: "cancel", id: 1, parts: [7] }), /parts are not as long as it says/u]
  ])("%s", async (_, bytes, message) => {
    const { failures } = await runPython(`os.write(3, ${bytes}); import time; time.sleep(60)`)
    assert.strictEqual(failures.length, 1)
    assert.match(failures[0]?.message ?? "", message)
  })

  it.each([
    ["answers to no question", { type: "answer", question: 99, value: 1 }],
    ["a cancel of no call", { type: "cancel", id: 99 }]
  ])("but %s do nothing", async (_, header) => {
    const { failures } = await runPython(`os.write(3, ${frame(header)}); log.info('on')`)
    assert.deepStrictEqual(failures, [])
  })

  it.each([
    ["an operation that is not there", { type: "call", id: 7777, operation: "fly", args: {} }],
    ["wrong arguments", { type: "call", id: 7777, operation: "log", args: { level: 5 } }],
    ["a machine that is not there", { type: "call", id: 7777, operation: "succeed", args: { machine: "x" } }]
  ])("nor does a call of %s", async (_, header) => {
    const { failures } = await runPython(`os.write(3, ${frame(header)}); log.info('on')`)
    assert.deepStrictEqual(failures, [])
  })
})
