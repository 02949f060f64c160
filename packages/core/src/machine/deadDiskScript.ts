/**
 * Reads what a guest wrote down before it ended, from its disk: in another guest that has the disk beside its own. Partitions, logical volumes and
 * file systems are found by looking; no layout is assumed.
 */
import { type Evidence, evidenceOf } from "./evidence.ts"
import { shellQuote } from "./shellQuote.ts"

/** Prints offset and size of a volume group's linear volumes, as LVM writes them down in text: its tools are not in every guest. */
const linearVolumes = `
import re, struct, sys

with open(sys.argv[1], "rb") as device:
    head = device.read(2 << 20)
magic = head.find(b" LVM2 x[5A%r0N*>")
if head[512:520] == b"LABELONE" and magic >= 4:
    area = magic - 4
    offset, size = struct.unpack_from("<QQ", head, area + 40)
    text = head[area + offset : area + offset + size].decode("ascii", "replace")
    extent, start = (int(re.search(name + r" = (\\d+)", text)[1]) * 512 for name in ("extent_size", "pe_start"))
    linear = r'segment_count = 1\\s+segment1 {[^}]*?extent_count = (\\d+)[^}]*?stripe_count = 1[^}]*?"pv0", (\\d+)'
    for extents, first in re.findall(linear, text):
        print(start + int(first) * extent, int(extents) * extent)
`

/** Most lines of one file. */
const mostLines = 40

/** Before what is printed of one file. */
const separator = "\u001e"

/** Below the root of a file system, of a subvolume, and of a file system of its own for `/var`. */
const places = "{,*/,*/*/}{var/,}"

/**
 * Shell code for bash, root, and a guest that is thrown away: mounts what is on the virtio disk of this serial, whose journals are replayed, and
 * prints the logs there for `readLogs`.
 */
export const deadDiskScript = (serial: string): string => `
shopt -s nullglob
disk=$(readlink -f /dev/disk/by-id/virtio-${serial})
volumes=("$disk"?*)
[ \${#volumes[@]} -gt 0 ] || volumes=("$disk")
for volume in "\${volumes[@]}"; do
  while read -r offset size; do
    volumes+=("$(losetup --find --show --offset "$offset" --sizelimit "$size" "$volume")")
  done < <(python3 -c ${shellQuote(linearVolumes)} "$volume")
done
title() { printf '${separator}%s\\n' "$1"; }
# Several patterns may find the same.
declare -A seen
is_new() {
  [ -e "$1" ] && [ -z "\${seen[$PWD/$1]:-}" ] && seen[$PWD/$1]=yes
}
for volume in "\${volumes[@]}"; do
  case $(blkid --probe --match-tag TYPE --output value "$volume" || :) in
    btrfs) options=subvolid=5 ;;
    ext4 | xfs) options=defaults ;;
    *) continue ;;
  esac
  at=$(mktemp -d)
  if ! complaint=$(mount -o "$options" "$volume" "$at" 2>&1); then
    title "\${volume##*/}"
    echo "$complaint"
    continue
  fi
  cd "$at"
  for file in ${places}log/cloud-init{,-output}.log ${places}lib/cloud/data/{status,result}.json; do
    is_new "$file" || continue
    title "/$file"
    # What cloud-init tells of its every step would push out what failed.
    { grep -v '\\[DEBUG\\]' "$file" || cat "$file"; } | tail -n ${mostLines}
  done
  for journal in ${places}log/journal; do
    is_new "$journal" || continue
    title "/$journal, warnings and errors of the last boot"
    journalctl --quiet --directory="$journal" --priority=warning --boot --no-pager --output=short-monotonic 2>/dev/null | tail -n ${mostLines}
  done
done
`

/** What the script found, a block each file. */
export const readLogs = (output: string): ReadonlyArray<Evidence> =>
  output
    .split(separator)
    .slice(1)
    .flatMap((block) => {
      const end = block.indexOf("\n")
      return evidenceOf(`on its disk: ${block.slice(0, end)}`, block.slice(end + 1))
    })
