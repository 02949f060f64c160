# Partitions and the file systems in them. Read by assemble.sh, with its variables and functions.
# shellcheck shell=bash disable=SC2154

# Fields of the partition that has a role; nothing where there is none.
field_of() { printf '%s\n' $PARTITIONS | awk -F: -v role="$1" -v field="$2" '$4 == role { print $field }'; }
number_of() { field_of "$1" 1; }
start_of() { field_of "$1" 2; }

# MiB. The last partition ends where the table's copy at the disk's end begins, in whole MiB.
size_of() {
  local size
  size=$(field_of "$1" 3)
  [ -n "$size" ] || size=$(($(numfmt --from=iec "$DISK_SIZE") / 1048576 - $(start_of "$1") - 1))
  printf '%s' "$size"
}

root_id=$(id_of root)
# udev names it by upper case digits.
esp_serial=$(id_of esp | cut -c1-8 | tr a-f A-F)
root_device=UUID=$root_id
[ -z "$VOLUME_GROUP" ] || root_device=/dev/mapper/$VOLUME_GROUP-root

# What GRUB reads: a file system of its own, or the root.
if [ -n "$BOOT_TYPE" ]; then
  boot_id=$(id_of boot) boot_type=$BOOT_TYPE boot_number=$(number_of boot) boot_prefix=
else
  boot_id=$root_id boot_type=$ROOT_TYPE boot_number=$(number_of root) boot_prefix=/boot
fi

write_fstab() {
  {
    case $ROOT_TYPE in
      ext4) echo "$root_device / ext4 rw,discard,errors=remount-ro,x-systemd.growfs 0 1" ;;
      xfs) echo "$root_device / xfs defaults 0 0" ;;
      btrfs) printf '%s\n' "$root_device / btrfs subvol=root 0 0" "$root_device /home btrfs subvol=home 0 0" ;;
    esac
    [ -z "$BOOT_TYPE" ] || echo "UUID=$boot_id /boot $BOOT_TYPE defaults 0 0"
    [ -z "$(start_of esp)" ] || echo "UUID=${esp_serial:0:4}-${esp_serial:4:4} /boot/efi vfat umask=0077,nofail 0 0"
  } >"$root/etc/fstab"
}

write_table() {
  local number start size role type
  local -A types=(
    [bios]=21686148-6449-6E6F-744E-656564454649
    [esp]=C12A7328-F81F-11D2-BA4B-00A0C93EC93B
    [boot]=BC13C2FF-59E6-4262-A352-B275FD6F7172
    [root]=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709
  )
  printf 'label: gpt\nlabel-id: %s\n' "$(id_of disk)"
  for partition in $PARTITIONS; do
    IFS=: read -r number start size role <<<"$partition"
    echo "$number : start=${start}MiB, size=$(size_of "$role")MiB, type=${types[$role]}, uuid=$(id_of "$number")"
  done
}

# The program of the tools' tree with its own libraries, whatever the host's are.
tool() {
  local libraries=$work/tools/usr/lib/x86_64-linux-gnu
  "$libraries/ld-linux-x86-64.so.2" --library-path "$libraries" "$work/tools/usr/sbin/$1" "${@:2}"
}

# Newer e2fsprogs turn these on by default; the e2fsck and GRUB of the older guests don't know them.
ext4_features=^orphan_file,^metadata_csum_seed
# What GRUB 2.06 can read.
xfs_features=lts_5.10.conf

# make_file_system TYPE ID LABEL TREE FILE
make_file_system() {
  local type=$1 id=$2 label=$3 tree=$4 file=$5
  case $type in
    ext4)
      mke2fs -q -t ext4 -O "$ext4_features" -U "$id" -L "$label" -m 1 -d "$tree" \
        -E "hash_seed=$id,root_owner=0:0,lazy_itable_init=0,lazy_journal_init=0" "$file"
      ;;
    xfs)
      tool mkfs.xfs -q -c "options=$work/tools/usr/share/xfsprogs/mkfs/$xfs_features" -m "uuid=$id" -L "$label" -p "$tree" "$file"
      ;;
    btrfs)
      tool mkfs.btrfs -q -U "$id" -L "$label" --device-uuid "$(id_of device)" --rootdir "$(dirname "$tree")" --subvol rw:root --subvol rw:home "$file"
      ;;
  esac
}

# Puts a file system's file into its partition and removes it.
place() {
  dd if="$1" of="$disk" bs=1M seek="$2" conv=sparse,notrunc status=none
  rm "$1"
}

# Moves what is in file systems of its own out of the root. Labels stay with what is moved; the folders that are left get them afterwards.
split_trees() {
  if [ -n "$BOOT_TYPE" ]; then mv "$root/boot" "$work/tree/boot" && mkdir "$root/boot"; fi
  if [ "$ROOT_TYPE" = btrfs ]; then mv "$root/home" "$work/tree/home" && mkdir "$root/home"; fi
}

make_boot() {
  truncate -s "$(size_of boot)M" "$work/boot.fs"
  make_file_system "$BOOT_TYPE" "$boot_id" boot "$work/tree/boot" "$work/boot.fs"
  place "$work/boot.fs" "$(start_of boot)"
  rm -r "$work/tree/boot"
}

make_root() {
  local start size
  start=$(start_of root) size=$(size_of root)
  if [ -n "$VOLUME_GROUP" ]; then
    python3 "$scripts/write-lvm.py" "$disk" "$start" "$size" "$VOLUME_GROUP"
    # The first MiB is LVM's, and the rest has whole extents of 4 MiB.
    start=$((start + 1)) size=$(((size - 1) / 4 * 4))
  fi
  truncate -s "${size}M" "$work/root.fs"
  make_file_system "$ROOT_TYPE" "$root_id" root "$root" "$work/root.fs"
  place "$work/root.fs" "$start"
}

make_disk() {
  truncate -s "$DISK_SIZE" "$disk"
  write_table | sfdisk --quiet "$disk"
  python3 "$scripts/embed-grub.py" "$disk" "$work/boot.img" "$work/core.img" \
    $(($(start_of bios) * 2048)) $(($(size_of bios) * 2048))
  [ -z "$(start_of esp)" ] || place "$work/esp.img" "$(start_of esp)"
  [ -z "$BOOT_TYPE" ] || make_boot
  make_root
  "$QEMU_IMG" convert -c -f raw -O qcow2 -o compression_type=zstd "$disk" "$output/disk.qcow2"
}
