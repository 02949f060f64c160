/**
 * The payload for x86-64.
 *
 * It is a Multiboot kernel for `-kernel`: the firmware runs first, in real mode, as for any guest; the loader enters
 * here in 32-bit protected mode; the program turns on paging and long mode, runs `lock cmpxchg16b` and SSE2 in ring 0
 * (which a KVM that only emulates ring 0 fails at), checks their results, and writes to QEMU's `isa-debug-exit` device.
 */
import * as Option from "effect/Option"
import type { KvmPayload } from "./KvmPayload.ts"

/** Port of the `isa-debug-exit` device. */
const debugExitPort = 0xf4

/** QEMU makes its exit status from the byte written to the port: `value * 2 + 1`. */
const statusOf = (value: number): number => value * 2 + 1
const passValue = 0x15
const failValue = 0x16

/** Multiboot kernels are loaded from 1 MiB on. */
const loadAddress = 0x100000

/** Offsets of the image's parts; the page tables must each be on a page of their own. */
const layout = {
  code32: 0x40,
  code64: 0x100,
  gdt: 0x200,
  gdtPointer: 0x220,
  cell: 0x240,
  pageMapLevel4: 0x1000,
  pageDirectoryPointers: 0x2000,
  pageDirectory: 0x3000,
  end: 0x4000
} as const

const at = (part: keyof typeof layout): number => loadAddress + layout[part]

const u16 = (value: number): ReadonlyArray<number> => [value & 0xff, (value >>> 8) & 0xff]
const u32 = (value: number): ReadonlyArray<number> => [...u16(value & 0xffff), ...u16(value >>> 16)]

/** One instruction: its bytes in hexadecimal, then a 32-bit operand where it has one. */
const op = (bytes: string, operand?: number): ReadonlyArray<number> => [
  ...Buffer.from(bytes.replaceAll(" ", ""), "hex"),
  ...(operand === undefined ? [] : u32(operand))
]

/** Magic, flags (bit 16: the addresses below are valid), check sum, header, load, load end, bss end, entry. */
const multibootHeader = (): ReadonlyArray<number> => {
  const magic = 0x1badb002
  const flags = 0x00010000
  const checkSum = -(magic + flags) >>> 0
  return [magic, flags, checkSum, loadAddress, loadAddress, at("end"), at("end"), at("code32")].flatMap(u32)
}

/** The null descriptor, and the only one that is loaded, with selector 8: present, ring 0, code, readable, long. */
const globalDescriptors = (): ReadonlyArray<number> => [0, 0, 0, 0x00209a00].flatMap(u32)

/** Limit (bytes - 1) and address of the table. */
const globalDescriptorPointer = (): ReadonlyArray<number> => [...u16(15), ...u32(at("gdt"))]

/** 32-bit code: from protected mode into long mode. */
const enterLongMode = (): ReadonlyArray<number> =>
  [
    op("fa"), // cli
    op("b8", at("pageMapLevel4")), // mov eax, page map
    op("0f 22 d8"), // mov cr3, eax
    op("0f 20 e0"), // mov eax, cr4
    op("0d", 0x620), // or eax, PAE | OSFXSR | OSXMMEXCPT
    op("0f 22 e0"), // mov cr4, eax
    op("b9", 0xc0000080), // mov ecx, EFER
    op("0f 32"), // rdmsr
    op("0d", 0x100), // or eax, LME
    op("0f 30"), // wrmsr
    op("0f 01 15", at("gdtPointer")), // lgdt [gdtPointer]
    op("0f 20 c0"), // mov eax, cr0
    op("25", 0xfffffffb), // and eax, ~EM: SSE is not emulated
    op("0d", 0x80000002), // or eax, PG | MP: paging on, and with it long mode
    op("0f 22 c0"), // mov cr0, eax
    op("ea", at("code64")), // jmp far to 64-bit code …
    op("08 00") // … with selector 8
  ].flat()

/** Writes the value to the debug-exit port; the halt after it is never reached on a QEMU that has the device. */
const exitWith = (value: number): ReadonlyArray<number> =>
  [
    [0xb0, value], // mov al, value
    [0xe6, debugExitPort], // out port, al
    op("f4"), // hlt
    op("eb fd") // jmp to the halt
  ].flat()

/** Instructions that leave the zero flag set when the processor did right; `rdi` points at 16 bytes, zero at first. */
const checks: ReadonlyArray<ReadonlyArray<number>> = [
  [
    op("31 c0"), // xor eax, eax
    op("31 d2"), // xor edx, edx: expect 0
    op("bb", 1), // mov ebx, 1
    op("b9", 2), // mov ecx, 2: store 2:1
    op("f0 48 0f c7 0f") // lock cmpxchg16b [rdi]
  ].flat(),
  op("83 3f 01"), // cmp dword [rdi], 1
  op("83 7f 08 02"), // cmp dword [rdi + 8], 2
  [
    op("66 0f 6f 07"), // movdqa xmm0, [rdi]
    op("66 0f d4 c0"), // paddq xmm0, xmm0: doubles both halves
    op("66 0f 7f 07"), // movdqa [rdi], xmm0
    op("83 3f 02") // cmp dword [rdi], 2
  ].flat(),
  op("83 7f 08 04") // cmp dword [rdi + 8], 4
]

/** 64-bit code: the checks in their order, each with a jump to the failing exit, then the passing and the failing exit. */
const prove = (): ReadonlyArray<number> => {
  const jumpLength = 2
  const pass = exitWith(passValue)
  const fail = exitWith(failValue)
  const proof = checks.flatMap((check, index) => {
    const distance = checks.slice(index + 1).reduce((sum, next) => sum + next.length + jumpLength, pass.length)
    return [...check, 0x75, distance] // jne to the failing exit
  })
  return [...op("bf", at("cell")), ...proof, ...pass, ...fail] // mov edi, cell
}

/** Flags of a page table's entry. */
const present = 1
const writable = 2
const wholePage = 0x80

const image = (): Uint8Array => {
  const bytes = new Uint8Array(layout.end)
  bytes.set(multibootHeader(), 0)
  bytes.set(enterLongMode(), layout.code32)
  bytes.set(prove(), layout.code64)
  bytes.set(globalDescriptors(), layout.gdt)
  bytes.set(globalDescriptorPointer(), layout.gdtPointer)
  // One entry of each level maps the first 2 MiB, and so this program, to themselves.
  bytes.set(u32(at("pageDirectoryPointers") | present | writable), layout.pageMapLevel4)
  bytes.set(u32(at("pageDirectory") | present | writable), layout.pageDirectoryPointers)
  bytes.set(u32(present | writable | wholePage), layout.pageDirectory)
  return bytes
}

export const x86Payload: KvmPayload = {
  kernel: image(),
  machineArguments: ["-M", "pc", "-m", "16", "-device", `isa-debug-exit,iobase=${debugExitPort},iosize=4`],
  // A triple fault gives status 0, an abort 134: only the payload's own may count.
  judge: (output) => {
    const code = Option.getOrUndefined(output.exit)?.code
    return code === statusOf(passValue) ? "passed" : code === statusOf(failValue) ? "miscomputed" : "failed"
  }
}
