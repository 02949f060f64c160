/** What programs import that want machines without the command line. */
export { type StartedMachines, startMachines, type StartMachinesOptions } from "./library/startMachines.ts"
export type { PromiseMachine } from "@nix-vm-test/core"
