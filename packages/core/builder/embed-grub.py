"""Puts GRUB for BIOS onto a disk image, as grub-bios-setup does, without a device, a mount or root.

    embed-grub.py DISK BOOT.IMG CORE.IMG FIRST_SECTOR SECTORS

FIRST_SECTOR and SECTORS name the BIOS boot partition that takes CORE.IMG. The offsets are those of GRUB's
grub-core/boot/i386/pc/{boot,diskboot}.S, the same in GRUB 2.02 to 2.12.
"""

import struct
import sys

SECTOR = 512
BOOT_CODE_END = 440  # the partition table and the disk's signature follow
KERNEL_SECTOR = 0x5C  # in boot.img: where core.img begins
DRIVE_CHECK = 0x66  # in boot.img: a jump that distrusts the BIOS' drive number; two NOPs trust it
FIRST_BLOCK_LIST = SECTOR - 12  # at the end of core.img's first sector: start, length, segment of what follows it


def embed(disk_path, boot_path, core_path, first_sector, sectors):
    with open(boot_path, "rb") as file:
        boot = bytearray(file.read())
    with open(core_path, "rb") as file:
        core = bytearray(file.read())
    if len(core) > sectors * SECTOR:
        sys.exit(f"embed-grub: core.img has {len(core)} bytes, the partition {sectors * SECTOR}")

    struct.pack_into("<Q", boot, KERNEL_SECTOR, first_sector)
    struct.pack_into("<H", boot, DRIVE_CHECK, 0x9090)
    _start, _length, segment = struct.unpack_from("<QHH", core, FIRST_BLOCK_LIST)
    rest = -(-len(core) // SECTOR) - 1
    struct.pack_into("<QHH", core, FIRST_BLOCK_LIST, first_sector + 1, rest, segment)

    with open(disk_path, "r+b") as disk:
        table = disk.read(SECTOR)[BOOT_CODE_END:]
        disk.seek(0)
        disk.write(boot[:BOOT_CODE_END] + table)
        disk.seek(first_sector * SECTOR)
        disk.write(core)


if __name__ == "__main__":
    embed(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
