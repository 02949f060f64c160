"""Makes a partition of a disk image the only physical volume of an LVM group with one volume, `root`, without a device or a mount.

    write-lvm.py DISK START_MIB SIZE_MIB GROUP

The volume's content begins 1 MiB into the partition and fills what is left of it, in whole extents of 4 MiB. The formats are those of LVM2's
lib/label/label.h and lib/format_text/layout.h.
"""

import hashlib
import struct
import sys

SECTOR = 512
MIB = 1024 * 1024
EXTENT = 4 * MIB
LABEL_OFFSET = SECTOR  # the label is in the partition's second sector
LABEL_HEADER = 32  # bytes of the label before the physical volume's header
METADATA_OFFSET = 4096
METADATA_SIZE = MIB - METADATA_OFFSET
DATA_OFFSET = MIB
ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def crc(data):
    """CRC-32 with LVM's own start value, and without the usual inversion at the end."""
    value = 0xF597A6CF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (0xEDB88320 if value & 1 else 0)
    return value


def id_of(group, role):
    digest = hashlib.sha256(f"{group} {role}".encode()).digest()
    return "".join(ALPHABET[byte % len(ALPHABET)] for byte in digest)


def dashed(identifier):
    ends = [0, 6, 10, 14, 18, 22, 26, 32]
    return "-".join(identifier[start:end] for start, end in zip(ends, ends[1:]))


def physical_volume(identifier, size):
    """The label with the header behind it: where data and metadata are, each list ended by an empty entry."""
    header = identifier.encode() + struct.pack("<Q", size)
    header += struct.pack("<4Q", DATA_OFFSET, 0, 0, 0)
    header += struct.pack("<4Q", METADATA_OFFSET, METADATA_SIZE, 0, 0)
    header += struct.pack("<II2Q", 2, 1, 0, 0)  # extension: version 2, in use, no boot loader area
    body = struct.pack("<I8s", LABEL_HEADER, b"LVM2 001") + header
    body = body.ljust(SECTOR - 20, b"\0")
    return struct.pack("<8sQI", b"LABELONE", LABEL_OFFSET // SECTOR, crc(body)) + body


def metadata_area(text):
    fields = struct.pack("<16sIQQ", b" LVM2 x[5A%r0N*>", 1, METADATA_OFFSET, METADATA_SIZE)
    fields += struct.pack("<QQII", SECTOR, len(text), crc(text), 0)  # the one copy of the text, behind this header
    fields = fields.ljust(SECTOR - 4, b"\0")
    return struct.pack("<I", crc(fields)) + fields + text


def metadata(group, size, extents):
    return f"""{group} {{
id = "{dashed(id_of(group, 'group'))}"
seqno = 1
format = "lvm2"
status = ["RESIZEABLE", "READ", "WRITE"]
flags = []
extent_size = {EXTENT // SECTOR}
max_lv = 0
max_pv = 0
metadata_copies = 0

physical_volumes {{

pv0 {{
id = "{dashed(id_of(group, 'physical'))}"
device = "/dev/vda4"

status = ["ALLOCATABLE"]
flags = []
dev_size = {size // SECTOR}
pe_start = {DATA_OFFSET // SECTOR}
pe_count = {extents}
}}
}}

logical_volumes {{

root {{
id = "{dashed(id_of(group, 'root'))}"
status = ["READ", "WRITE", "VISIBLE"]
flags = []
segment_count = 1

segment1 {{
start_extent = 0
extent_count = {extents}

type = "striped"
stripe_count = 1

stripes = [
"pv0", 0
]
}}
}}
}}

}}
contents = "Text Format Volume Group"
version = 1

description = ""

creation_host = "builder"
creation_time = 1700000000

""".encode() + b"\0"


def write(disk_path, start, size, group):
    text = metadata(group, size, (size - DATA_OFFSET) // EXTENT)
    with open(disk_path, "r+b") as disk:
        disk.seek(start + LABEL_OFFSET)
        disk.write(physical_volume(id_of(group, "physical"), size))
        disk.seek(start + METADATA_OFFSET)
        disk.write(metadata_area(text))


if __name__ == "__main__":
    write(sys.argv[1], int(sys.argv[2]) * MIB, int(sys.argv[3]) * MIB, sys.argv[4])
