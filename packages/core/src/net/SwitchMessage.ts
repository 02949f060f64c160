/** What the driver's main thread and the thread of the switches say to each other. Both are ours: these are types, not schemas. */
import type { PortCounters } from "./EthernetSwitch.ts"
import type { ImpairmentOptions } from "./Impairment.ts"

/** One direction between two ports of a network. */
export interface DirectedLink {
  readonly network: string
  /** Names of machines. */
  readonly from: string
  readonly to: string
}

export type SwitchCommand =
  | { readonly _tag: "AddNetwork"; readonly network: string; readonly seed: number }
  /** A port that connects to QEMU's socket for a NIC, and connects again as often as QEMU starts anew. */
  | { readonly _tag: "AddPort"; readonly network: string; readonly port: string; readonly socket: string }
  | ({ readonly _tag: "Block"; readonly blocked: boolean } & DirectedLink)
  | ({ readonly _tag: "Impair"; readonly impairment: ImpairmentOptions | undefined } & DirectedLink)
  | { readonly _tag: "Statistics" }
  | { readonly _tag: "StartCapture"; readonly network: string; readonly file: string; readonly snapLength?: number }
  | { readonly _tag: "StopCapture"; readonly network: string; readonly file: string }

export interface SwitchRequest {
  readonly id: number
  readonly command: SwitchCommand
}

/** What one port has seen. */
export interface PortStatistics extends PortCounters {
  readonly network: string
  readonly port: string
  readonly connected: boolean
}

export type SwitchAnswer =
  | { readonly _tag: "Done"; readonly id: number; readonly statistics?: ReadonlyArray<PortStatistics> }
  | { readonly _tag: "Refused"; readonly id: number; readonly detail: string }
  /** A fault failed and was taken away; the frames pass. */
  | { readonly _tag: "FaultFailed"; readonly network: string; readonly detail: string }
  /** A guest's QEMU sent what is no stream of frames; its port was connected anew. */
  | { readonly _tag: "OutOfStep"; readonly network: string; readonly port: string; readonly detail: string }
