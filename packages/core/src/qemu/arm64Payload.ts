/**
 * The payload for arm64.
 *
 * QEMU's loader enters it in EL1, without translation. It turns on the vector unit, multiplies with it and compares the
 * result, writes a line to the serial port byte by byte (each a trip out of the guest), and turns the machine off by a
 * call of the hypervisor.
 */
import * as Option from "effect/Option"
import type { KvmPayload } from "./KvmPayload.ts"

/** What the serial port says when all went well. QEMU's exit status is 0 for any power-off. */
const passed = "nvt-kvm-ok\n"

/** The serial port of the `virt` machine is at 0x0900_0000; `SYSTEM_OFF` of PSCI is function 0x8400_0008. */
const code: ReadonlyArray<number> = [
  0xd2a00600, //       mov x0, #0x300000
  0xd5181040, //       msr cpacr_el1, x0: no traps for vector instructions
  0xd5033fdf, //       isb
  0x4f000460, //       movi v0.4s, #3
  0x4ea09c00, //       mul v0.4s, v0.4s, v0.4s
  0x0e1c3c01, //       mov w1, v0.s[3]
  0x7100243f, //       cmp w1, #9
  0x540000e1, //       b.ne off
  0xd2a12002, //       mov x2, #0x9000000
  0x10000123, //       adr x3, text
  0x38401461, // next: ldrb w1, [x3], #1
  0x34000061, //       cbz w1, off
  0xb9000041, //       str w1, [x2]
  0x17fffffd, //       b next
  0x52800100, // off:  mov w0, #8
  0x72b08000, //       movk w0, #0x8400, lsl #16
  0xd4000002, //       hvc #0
  0x17fffffd //        b off
]

const image = (): Uint8Array => {
  const words = Buffer.alloc(code.length * 4)
  code.forEach((word, index) => words.writeUInt32LE(word, index * 4))
  // The text and the zero that ends it follow the code.
  return Buffer.concat([words, Buffer.from(`${passed}\0`)])
}

export const arm64Payload: KvmPayload = {
  kernel: image(),
  machineArguments: ["-M", "virt", "-m", "64", "-serial", "stdio"],
  judge: (output) => {
    if (Option.getOrUndefined(output.exit)?.code !== 0) return "failed"
    return output.stdout === passed ? "passed" : output.stdout === "" ? "miscomputed" : "failed"
  }
}
