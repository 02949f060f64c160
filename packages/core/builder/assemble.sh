#!/bin/bash
# Makes a bootable disk, and copies of its kernel and initrd, from the tar of a root file system.
#
#   assemble.sh ROOTFS.tar.zst OUTPUT_FOLDER
#
# Runs as root, or as root of a user namespace. It needs no loop device and mounts nothing of the disk: mke2fs fills the partition
# inside the disk's file by itself, GRUB is written to its places by embed-grub.py.
#
# Environment:
#   RECIPE          name of the recipe: seed of all identifiers, so that two of our disks never carry the same ones
#   DISK_SIZE       size of the disk as truncate(1) reads it
#   EXT4_OPTIONS    feature list for mke2fs -O that the guest's own e2fsck and GRUB know
#   QEMU_IMG        the qemu-img program
#   AGENT_UNIT      file with the agent's systemd unit; empty for a stock image, which stays as the vendor would ship it
#   MASKED_UNITS    units that a settled image does not start (with AGENT_UNIT only)
#   DHCP_MAC        the NIC that asks for an address (with AGENT_UNIT only)
#   INITRD_MODULES  the only modules in a settled image's initrd (with AGENT_UNIT only)
#   UNLOADED_MODULES  modules that a settled image loads only when it is told to (with AGENT_UNIT only)
set -euo pipefail
exec 2>&1
export LC_ALL=C.UTF-8 SOURCE_DATE_EPOCH=1700000000 E2FSPROGS_FAKE_TIME=1700000000

rootfs=$1 output=$2
scripts=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d "$output/assemble.XXXXXX")
root=$work/root
trap 'rm -rf --one-file-system "$work"' EXIT

# Partitions as in Debian's own cloud images: the root is number 1, though last on the disk. MiB.
bios_start=1 bios_size=3
esp_start=4 esp_size=124
root_start=128

stage() { printf '@stage %s\n' "$*"; }

# A fixed UUID made from the recipe's name and a role.
id_of() { printf '%s' "$RECIPE $1" | sha256sum | sed -E 's/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*/\1-\2-4\3-8\4-\5/'; }

root_id=$(id_of root)
esp_serial=$(id_of esp | cut -c1-8)

# Runs a command inside the guest's tree. What it needs mounted lives in a mount namespace of its own, so that removing the tree can
# never reach into the host's /proc or /dev.
in_guest() {
  unshare --mount -- bash -euc '
    mount --rbind /proc "$0/proc"
    # Not in a sticky folder, where the kernel refuses O_CREAT on a device that another user owns.
    mount -t tmpfs -o mode=0755 dev "$0/dev"
    for node in null zero full random urandom; do touch "$0/dev/$node"; mount --bind "/dev/$node" "$0/dev/$node"; done
    ln -s /proc/self/fd "$0/dev/fd"
    exec chroot "$0" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 "$@"
  ' "$root" "$@"
}

unpack() {
  mkdir -p "$root"
  tar --extract --file "$rootfs" --directory "$root" --numeric-owner --xattrs --xattrs-include='*' --exclude='./dev/*'
}

# What every image has, stock or not.
configure() {
  printf 'localhost\n' >"$root/etc/hostname"
  printf '127.0.0.1\tlocalhost\n::1\t\tlocalhost ip6-localhost ip6-loopback\n' >"$root/etc/hosts"
  printf 'LANG=C.UTF-8\n' >"$root/etc/default/locale"
  ln -sf ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
  : >"$root/etc/machine-id"
  rm -f "$root"/etc/ssh/ssh_host_* "$root/var/lib/dbus/machine-id" "$root/etc/dpkg/dpkg.cfg.d/99mmdebstrap"
  mkdir -p "$root/boot/efi" "$root/boot/grub"
  in_guest passwd --quiet --lock root
  printf '%s\n' \
    "UUID=$root_id / ext4 rw,discard,errors=remount-ro,x-systemd.growfs 0 1" \
    "UUID=${esp_serial:0:4}-${esp_serial:4:4} /boot/efi vfat umask=0077,nofail 0 0" >"$root/etc/fstab"
}

# What makes a test guest quick and enterable.
settle() {
  install -m 0644 "$AGENT_UNIT" "$root/etc/systemd/system/$(basename "$AGENT_UNIT")"
  in_guest systemctl --quiet enable "$(basename "$AGENT_UNIT")" systemd-networkd.service systemd-resolved.service
  # shellcheck disable=SC2086 # a list of words
  in_guest systemctl --quiet mask $MASKED_UNITS
  : >"$root/etc/cloud/cloud-init.disabled"
  in_guest passwd --quiet --delete root
  in_guest ssh-keygen -q -A
  # Only the NIC of QEMU's own network asks for an address; those of a test's networks are the driver's.
  printf '%s\n' '[Match]' "MACAddress=$DHCP_MAC" '' '[Network]' 'DHCP=yes' '' '[Link]' 'RequiredForOnline=no' \
    >"$root/etc/systemd/network/80-user-network.network"
  # A disk that is thrown away needs no check, and nothing in a test reads the ESP.
  printf '%s\n' "UUID=$root_id / ext4 rw,discard,errors=remount-ro 0 0" >"$root/etc/fstab"
  printf 'blacklist %s\n' $UNLOADED_MODULES >"$root/etc/modprobe.d/nix-vm-test.conf"
  shrink_initrd
}

shrink_initrd() {
  sed -i 's/^MODULES=.*/MODULES=list/; s/^BUSYBOX=.*/BUSYBOX=n/' "$root/etc/initramfs-tools/initramfs.conf"
  printf '%s\n' $INITRD_MODULES >"$root/etc/initramfs-tools/modules"
  # It grows the root inside the initrd, where udev has to settle twice for it; the driver grows disks itself.
  in_guest dpkg --purge --no-triggers cloud-initramfs-growroot
  in_guest update-initramfs -u -k all
}

write_grub_configuration() {
  cat >"$root/boot/grub/grub.cfg" <<GRUB
set timeout=0
set default=0
serial --unit=0 --speed=115200
terminal_input console serial
terminal_output console serial
search --no-floppy --fs-uuid --set=root $root_id
menuentry 'Debian GNU/Linux' {
  linux /boot/vmlinuz-$kernel_version $command_line
  initrd /boot/initrd.img-$kernel_version
}
GRUB
}

# GRUB for BIOS: modules where the guest's own update-grub expects them, a core image for the BIOS boot partition.
make_bios_loader() {
  mkdir -p "$root/boot/grub/i386-pc"
  cp "$root"/usr/lib/grub/i386-pc/*.mod "$root"/usr/lib/grub/i386-pc/*.lst "$root/boot/grub/i386-pc/"
  in_guest grub-mkimage -O i386-pc -p '(,gpt1)/boot/grub' -o /core.img biosdisk part_gpt ext2
  mv "$root/core.img" "$work/core.img"
}

# The removable path of UEFI: Debian's signed shim and GRUB, which reads EFI/debian/grub.cfg beside it.
make_efi_partition() {
  local tree=$work/esp
  mkdir -p "$tree/EFI/BOOT" "$tree/EFI/debian"
  cp "$root/usr/lib/shim/shimx64.efi.signed" "$tree/EFI/BOOT/BOOTX64.EFI"
  cp "$root/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed" "$tree/EFI/BOOT/grubx64.efi"
  printf 'search.fs_uuid %s root\nset prefix=($root)/boot/grub\nconfigfile $prefix/grub.cfg\n' "$root_id" >"$tree/EFI/debian/grub.cfg"
  truncate -s "${esp_size}M" "$work/esp.img"
  mformat -i "$work/esp.img" -F -v EFI -N "$esp_serial" ::
  mcopy -s -i "$work/esp.img" "$tree/EFI" ::
}

make_disk() {
  local disk=$work/disk.raw sectors
  truncate -s "$DISK_SIZE" "$disk"
  sfdisk --quiet "$disk" <<TABLE
label: gpt
label-id: $(id_of disk)
14 : start=${bios_start}MiB, size=${bios_size}MiB, type=21686148-6449-6E6F-744E-656564454649, uuid=$(id_of 14)
15 : start=${esp_start}MiB, size=${esp_size}MiB, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, uuid=$(id_of 15)
1 : start=${root_start}MiB, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, uuid=$(id_of 1)
TABLE
  python3 "$scripts/embed-grub.py" "$disk" "$root/usr/lib/grub/i386-pc/boot.img" "$work/core.img" \
    $((bios_start * 2048)) $((bios_size * 2048))
  dd if="$work/esp.img" of="$disk" bs=1M seek="$esp_start" conv=sparse,notrunc status=none
  sectors=$(sfdisk --dump "$disk" | sed -nE 's/.*raw1 :.*size= *([0-9]+),.*/\1/p')
  mke2fs -q -t ext4 -O "$EXT4_OPTIONS" -U "$root_id" -L root -m 1 -d "$root" \
    -E "offset=$((root_start * 1048576)),hash_seed=$root_id,root_owner=0:0,lazy_itable_init=0,lazy_journal_init=0" \
    "$disk" "$((sectors / 2))k"
  "$QEMU_IMG" convert -c -f raw -O qcow2 -o compression_type=zstd "$disk" "$output/disk.qcow2"
}

stage 'unpacking the root file system'
unpack
kernel_version=$(ls "$root/lib/modules" | sort -V | tail -n 1)
command_line="root=UUID=$root_id ro console=tty0 console=ttyS0,115200"
stage 'configuring'
configure
if [ -n "$AGENT_UNIT" ]; then
  stage 'settling: agent, units, initrd'
  settle
fi
stage 'making boot loaders'
write_grub_configuration
make_bios_loader
make_efi_partition
stage 'making the disk'
make_disk
cp "$root/boot/vmlinuz-$kernel_version" "$output/kernel"
cp "$root/boot/initrd.img-$kernel_version" "$output/initrd"
printf '%s' "$command_line" >"$output/command-line"
chmod 0644 "$output"/disk.qcow2 "$output"/kernel "$output"/initrd
