/**
 * A program of a few hundred bytes that proves a virtual CPU by using it as a kernel does, and then ends QEMU with a status that
 * nothing else gives.
 *
 * It is a Multiboot kernel for `-kernel`: the firmware runs first, in real mode, as for any guest; the loader enters here in 32-bit
 * protected mode; the program turns on paging and long mode, runs `lock cmpxchg16b` and SSE2 in ring 0 (which a KVM that only emulates
 * ring 0 fails at), checks their results, and writes to QEMU's `isa-debug-exit` device.
 */

/** Port of the `isa-debug-exit` device that must be on QEMU's command line. */
export const debugExitPort = 0xf4

/** QEMU makes its exit status from the byte written to the port: `value * 2 + 1`. */
const passValue = 0x15
const failValue = 0x16

/** QEMU's exit status after success. A triple fault gives 0, an abort 134, so nothing else may count. */
export const payloadPassed = passValue * 2 + 1

/** QEMU's exit status when an instruction ran and gave a wrong result. */
export const payloadMiscomputed = failValue * 2 + 1

/** Multiboot kernels are loaded from 1 MiB on. */
const loadAddress = 0x100000

/** Parts of the image; the page tables must each be on a page of their own. */
const layout = {
  gdt: 0x200,
  gdtPointer: 0x220,
  cell: 0x240,
  code32: 0x40,
  code64: 0x100,
  pageMapLevel4: 0x1000,
  pageDirectoryPointers: 0x2000,
  pageDirectory: 0x3000,
  end: 0x4000
} as const

const at = (part: keyof typeof layout): number => loadAddress + layout[part]

const u16 = (value: number): ReadonlyArray<number> => [value & 0xff, (value >>> 8) & 0xff]
const u32 = (value: number): ReadonlyArray<number> => [...u16(value & 0xffff), ...u16(value >>> 16)]

/** Magic, flags (bit 16: the addresses below are valid), check sum, then header, load, load end, bss end and entry address. */
const multibootHeader = (): ReadonlyArray<number> => {
  const magic = 0x1badb002
  const flags = 0x00010000
  return [magic, flags, -(magic + flags) >>> 0, loadAddress, loadAddress, at("end"), at("end"), at("code32")].flatMap(u32)
}

/** Selector 8 is the only one that is loaded: a 64-bit code segment. */
const codeSelector = 8
const globalDescriptors = (): ReadonlyArray<number> => [
  ...u32(0), ...u32(0), // the null descriptor
  ...u32(0), ...u32(0x00209a00) // present, ring 0, code, readable, long
]

/** Limit (bytes - 1) and address of the table. */
const globalDescriptorPointer = (): ReadonlyArray<number> => [...u16(15), ...u32(at("gdt"))]

/** 32-bit code: from protected mode into long mode. */
const enterLongMode = (): ReadonlyArray<number> => [
  0xfa, //                                          cli
  0xb8, ...u32(at("pageMapLevel4")), //             mov eax, page map
  0x0f, 0x22, 0xd8, //                              mov cr3, eax
  0x0f, 0x20, 0xe0, //                              mov eax, cr4
  0x0d, ...u32(0x620), //                           or eax, PAE | OSFXSR | OSXMMEXCPT
  0x0f, 0x22, 0xe0, //                              mov cr4, eax
  0xb9, ...u32(0xc0000080), //                      mov ecx, EFER
  0x0f, 0x32, //                                    rdmsr
  0x0d, ...u32(0x100), //                           or eax, LME
  0x0f, 0x30, //                                    wrmsr
  0x0f, 0x01, 0x15, ...u32(at("gdtPointer")), //    lgdt [gdtPointer]
  0x0f, 0x20, 0xc0, //                              mov eax, cr0
  0x25, ...u32(0xfffffffb), //                      and eax, ~EM: SSE is not emulated
  0x0d, ...u32(0x80000002), //                      or eax, PG | MP: paging on, and with it long mode
  0x0f, 0x22, 0xc0, //                              mov cr0, eax
  0xea, ...u32(at("code64")), ...u16(codeSelector) // jmp far to 64-bit code
]

/** Writes the value to the debug-exit port; the halt after it is never reached on a QEMU that has the device. */
const exitWith = (value: number): ReadonlyArray<number> => [
  0xb0, value, //                                   mov al, value
  0xe6, debugExitPort, //                           out port, al
  0xf4, //                                          hlt
  0xeb, 0xfd //                                     jmp to the halt
]

/**
 * One check: instructions, and then a jump to the failing exit when the zero flag is clear. The displacement is filled in by
 * {@link prove}.
 */
type Check = ReadonlyArray<number>

/** 64-bit code; `rdi` holds the address of the 16 zero bytes of the cell. */
const checks: ReadonlyArray<Check> = [
  [
    0x31, 0xc0, //                                  xor eax, eax
    0x31, 0xd2, //                                  xor edx, edx: expect 0
    0xbb, ...u32(1), //                             mov ebx, 1
    0xb9, ...u32(2), //                             mov ecx, 2: store 2:1
    0xf0, 0x48, 0x0f, 0xc7, 0x0f //                 lock cmpxchg16b [rdi]
  ],
  [0x83, 0x3f, 1], //                               cmp dword [rdi], 1
  [0x83, 0x7f, 8, 2], //                            cmp dword [rdi + 8], 2
  [
    0x66, 0x0f, 0x6f, 0x07, //                      movdqa xmm0, [rdi]
    0x66, 0x0f, 0xd4, 0xc0, //                      paddq xmm0, xmm0: doubles both halves
    0x66, 0x0f, 0x7f, 0x07, //                      movdqa [rdi], xmm0
    0x83, 0x3f, 2 //                                cmp dword [rdi], 2
  ],
  [0x83, 0x7f, 8, 4] //                             cmp dword [rdi + 8], 4
]

/** The checks in their order, each with its `jne`, then the passing and the failing exit. */
const prove = (): ReadonlyArray<number> => {
  const jumpLength = 2
  const pass = exitWith(passValue)
  const fail = exitWith(failValue)
  const code = [0xbf, ...u32(at("cell"))] //        mov edi, cell
  checks.forEach((check, index) => {
    const bytesBetween = checks.slice(index + 1).reduce((sum, next) => sum + next.length + jumpLength, pass.length)
    code.push(...check, 0x75, bytesBetween) //      jne to the failing exit
  })
  return [...code, ...pass, ...fail]
}

/** One entry of each level maps the first 2 MiB to themselves: this program. */
const present = 1
const writable = 2
const wholePage = 0x80

/** The file for QEMU's `-kernel`. */
export const kvmPayload = (): Uint8Array => {
  const image = new Uint8Array(layout.end)
  image.set(multibootHeader(), 0)
  image.set(enterLongMode(), layout.code32)
  image.set(prove(), layout.code64)
  image.set(globalDescriptors(), layout.gdt)
  image.set(globalDescriptorPointer(), layout.gdtPointer)
  image.set(u32(at("pageDirectoryPointers") | present | writable), layout.pageMapLevel4)
  image.set(u32(at("pageDirectory") | present | writable), layout.pageDirectoryPointers)
  image.set(u32(present | writable | wholePage), layout.pageDirectory)
  return image
}
