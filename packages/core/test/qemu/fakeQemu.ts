/** A program in QEMU's place that gives canned answers and counts how often it was asked. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"

export interface FakeAnswers {
  readonly version?: readonly [number, number, number]
  readonly package?: string
  readonly machines?: ReadonlyArray<{ readonly name: string; readonly alias?: string }>
  readonly kvm?: boolean
  readonly options?: ReadonlyArray<{ readonly option: string; readonly parameters: ReadonlyArray<string> }>
  readonly netdevs?: Readonly<Record<string, ReadonlyArray<string>>>
}

/** What a QEMU of these properties writes in answer to the questions. */
export const conversationOf = (answers: FakeAnswers): string => {
  const [major, minor, micro] = answers.version ?? [9, 2, 3]
  const netdevs = Object.entries(answers.netdevs ?? {})
  const replies = [
    {},
    { qemu: { major, minor, micro }, package: answers.package ?? "" },
    answers.machines ?? [],
    { present: answers.kvm ?? false, enabled: false },
    (answers.options ?? []).map(({ option, parameters }) => ({
      option,
      parameters: parameters.map((name) => ({ name, type: "string" }))
    })),
    [
      { name: "netdev_add", "meta-type": "command", "arg-type": "100" },
      {
        name: "100",
        "meta-type": "object",
        variants: netdevs.map(([name], index) => ({ case: name, type: `${index}` }))
      },
      ...netdevs.map(([, members], index) => ({
        name: `${index}`,
        "meta-type": "object",
        members: members.map((name) => ({ name }))
      }))
    ],
    {}
  ]
  const greeting = { QMP: { version: replies[1], capabilities: [] } }
  const event = { event: "SHUTDOWN", timestamp: { seconds: 0, microseconds: 0 } }
  return [greeting, ...replies.map((reply, id) => ({ return: reply, id })), event]
    .map((message) => `${JSON.stringify(message)}\r\n`)
    .join("")
}

/** Writes an executable; its calls are lines of the file `calls` beside it. */
export const installFake = Effect.fn(function* (options: {
  readonly directory: string
  readonly name: string
  readonly code: string
}) {
  const fs = yield* FileSystem.FileSystem
  const path = `${options.directory}/${options.name}`
  yield* fs.writeFileString(path, `#!/bin/sh\necho called >> ${options.directory}/calls\n${options.code}\n`, {
    mode: 0o755
  })
  return path
})

/** Code that answers as a QEMU does. */
export const answering = (answers: FakeAnswers): string => `cat >/dev/null\ncat <<'END'\n${conversationOf(answers)}END`
