/** Runs as lists of events, with everything that can happen in them, for tests and for looking at reports. */
import type { Event, EventBody } from "@nix-vm-test/core/events/Event"

/** Stamps bodies as the bus does; times are milliseconds since the run's beginning. */
export const makeTimeline = (
  bodies: ReadonlyArray<readonly [elapsed: number, body: EventBody]>
): ReadonlyArray<Event> =>
  bodies.map(([elapsed, body], sequence) => ({ ...body, sequence, elapsed, time: 1_800_000_000_000 + elapsed }))

const mebibyte = 1024 ** 2

const start: ReadonlyArray<readonly [number, EventBody]> = [
  [0, { _tag: "RunStarted", runId: "r1", name: "client-server", machines: ["client", "server"], driver: "0.1.0" }],
  [
    40,
    { _tag: "Notice", topic: "accelerator", text: "emulation (TCG): /dev/kvm opens, but code does not run under it" }
  ],
  [
    60,
    {
      _tag: "ImageProgress",
      image: "debian:12",
      activity: "download",
      text: "downloading",
      done: 0,
      total: 280 * mebibyte,
      unit: "bytes"
    }
  ],
  ...[1, 2, 3, 4, 5, 6].map((step): readonly [number, EventBody] => [
    60 + step * 2500,
    {
      _tag: "ImageProgress",
      image: "debian:12",
      activity: "download",
      text: "downloading",
      done: step * 46 * mebibyte,
      total: 280 * mebibyte,
      unit: "bytes"
    }
  ]),
  [15_400, { _tag: "ImageProgress", image: "debian:12", activity: "verify", text: "verifying" }],
  [16_000, { _tag: "ImageProgress", image: "debian:12", activity: "ready", text: "ready, 280 MiB" }],
  [
    16_010,
    {
      _tag: "MachinePlanned",
      machine: "client",
      image: "debian:12",
      memoryBytes: 1024 * mebibyte,
      cpus: 1,
      accelerator: "tcg"
    }
  ],
  [
    16_011,
    {
      _tag: "MachinePlanned",
      machine: "server",
      image: "debian:12",
      memoryBytes: 1536 * mebibyte,
      cpus: 2,
      accelerator: "tcg"
    }
  ],
  [
    16_012,
    {
      _tag: "Notice",
      topic: "quirk",
      text: "cmpxchg16b is hidden from the guest: before QEMU 10 its emulation crashes kernels on several processors",
      machine: "server"
    }
  ],
  [16_100, { _tag: "StepStarted", step: "s1", kind: "lifecycle", title: "start all machines" }],
  [16_150, { _tag: "MachineStarting", machine: "client", start: "cold", pid: 4242 }],
  [16_160, { _tag: "MachineStarting", machine: "server", start: "cold", pid: 4243 }],
  [17_000, { _tag: "MachinePhaseReached", machine: "client", phase: "firmware", sinceStart: 850 }],
  [17_900, { _tag: "MachinePhaseReached", machine: "client", phase: "kernel", sinceStart: 1750 }],
  [18_000, { _tag: "ConsoleLine", machine: "client", text: "[    0.000000] Linux version 6.1.0-28-amd64" }],
  [18_100, { _tag: "MachinePhaseReached", machine: "server", phase: "kernel", sinceStart: 1940 }],
  [
    21_000,
    {
      _tag: "ConsoleLine",
      machine: "server",
      text: "[\u001b[0;32m  OK  \u001b[0m] Started \u001b[0;1;39mnginx.service\u001b[0m.\r"
    }
  ],
  [24_000, { _tag: "MachinePhaseReached", machine: "client", phase: "userspace", sinceStart: 7850 }],
  [30_000, { _tag: "MachinePhaseReached", machine: "client", phase: "connected", sinceStart: 13_850 }],
  [30_001, { _tag: "MachineConnected", machine: "client", bootId: "b1", agent: "0.1.0" }],
  [30_300, { _tag: "MachineReady", machine: "client", sinceStart: 14_150 }],
  [31_000, { _tag: "MachinePhaseReached", machine: "server", phase: "connected", sinceStart: 14_840 }],
  [31_200, { _tag: "MachineReady", machine: "server", sinceStart: 15_040 }],
  [31_210, { _tag: "StepFinished", step: "s1", outcome: "passed", durationMs: 15_110 }],
  [
    31_300,
    {
      _tag: "StepStarted",
      step: "s2",
      machine: "server",
      kind: "command",
      title: "must succeed: systemctl start nginx"
    }
  ],
  [31_320, { _tag: "StepFinished", step: "s2", outcome: "passed", durationMs: 20 }],
  [31_330, { _tag: "StepStarted", step: "s3", kind: "subtest", title: "subtest: page" }],
  [
    31_340,
    { _tag: "StepStarted", step: "s4", parent: "s3", machine: "server", kind: "wait", title: "waiting for TCP port 80" }
  ],
  // At the same time, and over before it.
  [
    31_350,
    {
      _tag: "StepStarted",
      step: "s5",
      parent: "s3",
      machine: "client",
      kind: "command",
      title: "must succeed: curl --version"
    }
  ],
  [31_360, { _tag: "CommandOutput", machine: "client", step: "s5", stream: "stdout", text: "curl 7.88.1\n" }],
  [31_390, { _tag: "StepFinished", step: "s5", outcome: "passed", durationMs: 40 }],
  [31_900, { _tag: "StepFinished", step: "s4", outcome: "passed", durationMs: 560 }],
  [31_910, { _tag: "Log", level: "info", text: "the page is up", step: "s3" }]
]

const profiles: ReadonlyArray<readonly [number, EventBody]> = [
  [
    33_000,
    {
      _tag: "BootProfiled",
      machine: "client",
      profile: {
        firmware: 0.9,
        kernel: 3.12,
        userspace: 9.2,
        agent: 13.85,
        slowestUnits: [
          { unit: "systemd-udevd.service", seconds: 2.1 },
          { unit: "systemd-journal-flush.service", seconds: 0.8 }
        ]
      }
    }
  ],
  [
    33_001,
    {
      _tag: "BootProfiled",
      machine: "server",
      profile: { kernel: 3.5, userspace: 10.1, agent: 14.84, slowestUnits: [] }
    }
  ]
]

/** Two machines, a subtest with parallel steps; everything passes. */
export const passingRun = makeTimeline([
  ...start,
  [
    32_000,
    {
      _tag: "StepStarted",
      step: "s6",
      parent: "s3",
      machine: "client",
      kind: "command",
      title: "must succeed: curl -s http://server/"
    }
  ],
  [32_080, { _tag: "StepFinished", step: "s6", outcome: "passed", durationMs: 80 }],
  [32_100, { _tag: "StepFinished", step: "s3", outcome: "passed", durationMs: 770 }],
  ...profiles,
  [33_100, { _tag: "MachineStopped", machine: "client", how: "powered off by its agent" }],
  [33_200, { _tag: "MachineStopped", machine: "server", how: "powered off by its agent" }],
  [33_210, { _tag: "ArtifactSaved", path: "client.log", kind: "console", machine: "client" }],
  [33_220, { _tag: "RunFinished", verdict: "passed", durationMs: 33_220, failures: [] }]
])

/** The same, but the page is not there: a command with stderr in chunks fails, a parallel wait is interrupted. */
export const failingRun = makeTimeline([
  ...start,
  [
    32_000,
    {
      _tag: "StepStarted",
      step: "s6",
      parent: "s3",
      machine: "client",
      kind: "command",
      title: "must succeed: curl -sSf http://server/\necho done"
    }
  ],
  [
    32_010,
    {
      _tag: "StepStarted",
      step: "s7",
      parent: "s3",
      machine: "server",
      kind: "wait",
      title: "waiting for unit backup.service"
    }
  ],
  [
    32_020,
    { _tag: "CommandOutput", machine: "client", step: "s6", stream: "stderr", text: "curl: (22) The requested URL " }
  ],
  [
    32_030,
    { _tag: "CommandOutput", machine: "client", step: "s6", stream: "stderr", text: "returned error: 404\nnext line" }
  ],
  [
    32_300,
    { _tag: "StepFinished", step: "s6", outcome: "failed", durationMs: 300, detail: "command failed (exit code 22)" }
  ],
  [32_310, { _tag: "StepFinished", step: "s7", outcome: "interrupted", durationMs: 300 }],
  [
    32_320,
    { _tag: "StepFinished", step: "s3", outcome: "failed", durationMs: 990, detail: "command failed (exit code 22)" }
  ],
  ...profiles,
  [
    33_220,
    {
      _tag: "RunFinished",
      verdict: "failed",
      durationMs: 33_220,
      failures: [
        {
          kind: "test",
          tag: "TestFailure/CommandFailed",
          message: "command `curl -sSf http://server/\necho done` failed (exit code 22)",
          machine: "client",
          frames: [
            {
              file: "test.ts",
              line: 14,
              column: 33,
              source: `      const page = await client.succeed("curl -sSf http://server/\\necho done")`
            }
          ],
          evidence: [
            { title: "stderr", text: "curl: (22) The requested URL returned error: 404\n" },
            { title: "console", text: "[   12.000000] a line\n[   13.000000] \u001b[31manother\u001b[0m\n" }
          ],
          hint: "the server answered: look at its access log"
        }
      ]
    }
  ]
])
