export * from "./AgentBinary.ts"
export * from "./AgentDisk.ts"
export * from "./AgentUnit.ts"
