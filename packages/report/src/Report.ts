/** What a run was, as summaries and files show it. */
import type { BootProfile, Event, Failure, MachinePhase, Verdict } from "@nix-vm-test/core/events/Event"

type EventOf<Tag extends Event["_tag"]> = Extract<Event, { readonly _tag: Tag }>

export interface MachineReport {
  readonly name: string
  readonly planned?: EventOf<"MachinePlanned"> | undefined
  readonly start?: "cold" | "clone" | undefined
  /** Milliseconds from QEMU's start, of the last start. */
  readonly phases: Partial<Readonly<Record<MachinePhase, number>>>
  readonly readyAfter?: number | undefined
  readonly profile?: BootProfile | undefined
  readonly reboots: number
  readonly end?: EventOf<"MachineStopped"> | EventOf<"MachineDied"> | undefined
}

export interface StepReport {
  readonly id: string
  readonly machine?: string | undefined
  readonly kind: EventOf<"StepStarted">["kind"]
  readonly title: string
  /** Milliseconds since the run began. */
  readonly startedAt: number
  /** Absent while it runs, and when the run broke off. */
  readonly outcome?: EventOf<"StepFinished">["outcome"] | undefined
  readonly durationMs?: number | undefined
  readonly detail?: string | undefined
  /** End of what its command wrote, both streams in order of arrival. */
  readonly output: string
  readonly steps: ReadonlyArray<StepReport>
}

export interface Report {
  readonly run?: EventOf<"RunStarted"> | undefined
  /** Absent when the run broke off. */
  readonly verdict?: Verdict | undefined
  readonly durationMs: number
  readonly failures: ReadonlyArray<Failure>
  /** In the order in which they were planned. */
  readonly machines: ReadonlyArray<MachineReport>
  /** The outermost steps; theirs are inside of them. */
  readonly steps: ReadonlyArray<StepReport>
  /** Steps that are no part of another one of their kind count once; subtests and nested blocks don't. */
  readonly stepCounts: Readonly<Record<"passed" | "failed" | "interrupted" | "running", number>>
  readonly notices: ReadonlyArray<EventOf<"Notice">>
  readonly logs: ReadonlyArray<EventOf<"Log">>
  readonly artifacts: ReadonlyArray<EventOf<"ArtifactSaved">>
}
