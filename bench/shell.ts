import { spawn } from "node:child_process"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import type { Bench } from "./Bench.ts"
import { median } from "./median.ts"
import { bundle } from "./runNode.ts"

const rounds = 7
const prompt = /root@\S+# /u

/** Seconds from the command's own start, on a terminal made by util-linux' `script`, until root's prompt is on it. */
const secondsToPrompt = Effect.promise(
  () =>
    new Promise<number>((resolve, reject) => {
      const started = performance.now()
      const command = `'${process.execPath}' '${bundle}' shell debian 12`
      const child = spawn("script", ["--quiet", "--return", "--command", command, "/dev/null"], {
        stdio: ["pipe", "pipe", "inherit"]
      })
      let shown = ""
      let seconds: number | undefined
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        shown += text
        if (seconds !== undefined || !prompt.test(shown)) return
        seconds = (performance.now() - started) / 1000
        child.stdin.write("exit\r")
      })
      // The next round must not find the guest of this one at work.
      child.on("close", () => (seconds === undefined ? reject(new Error(shown)) : resolve(seconds)))
    })
)

const measure = Effect.gen(function* () {
  yield* Console.error("making the template, if it is not there …")
  yield* secondsToPrompt
  const samples: Array<number> = []
  for (let round = 0; round < rounds; round++) samples.push(yield* secondsToPrompt)
  return { seconds: median(samples), slowestSeconds: Math.max(...samples) }
})

export const shell: Bench = {
  name: "shell",
  description:
    "from the start of `nix-vm-test shell debian 12` on a terminal to root's prompt (seconds; median, worst)",
  run: measure
}
