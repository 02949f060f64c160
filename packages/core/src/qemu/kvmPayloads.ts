/** The payload of each architecture. */
import type { Architecture } from "../spec/Image.ts"
import { arm64Payload } from "./arm64Payload.ts"
import type { KvmPayload } from "./KvmPayload.ts"
import { x86Payload } from "./x86Payload.ts"

export const kvmPayloads: Readonly<Record<Architecture, KvmPayload>> = { x86_64: x86Payload, aarch64: arm64Payload }
