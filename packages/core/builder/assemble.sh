#!/bin/bash
# Makes a bootable disk, and copies of its kernel and initrd, from the tar of a root file system.
#
#   assemble.sh ROOTFS.tar.zst OUTPUT_FOLDER
#
# Runs as root, or as root of a user namespace. It needs no loop device and mounts nothing of the disk: each file system is made with its
# content, GRUB is written to its places by embed-grub.py.
#
# Environment:
#   RECIPE            name of the recipe: seed of all identifiers, so that two of our disks never carry the same ones
#   DISK_SIZE         size of the disk as truncate(1) reads it
#   PARTITIONS        NUMBER:START:SIZE:ROLE…, in their order on the disk, in MiB; the last one has no size. Roles: bios, esp, boot, root
#   ROOT_TYPE         ext4, xfs or btrfs (subvolumes root and home)
#   BOOT_TYPE         ext4 or xfs, where there is a partition for /boot
#   VOLUME_GROUP      name of the volume group that the root is the only volume of; empty without LVM
#   KERNEL_ARGUMENTS  beside those that name the root and the console
#   OS_RELEASE        file with lines of os-release that differ from Debian's
#   SELINUX           enforcing or permissive: the files are labelled, and the guest starts so; empty: it has no policy
#   WITHOUT_MODULES   modules that are taken out of the kernel's
#   TOOLS             tar with mkfs.xfs and mkfs.btrfs and the libraries they need; empty where neither is needed
#   QEMU_IMG          the qemu-img program
#   INSTALLED         empty for a stock image, which stays as the vendor would ship it; else these are read, too:
#   AGENT_UNIT        file with the agent's systemd unit
#   AGENT_SCRIPT      file with the shell code that starts the agent
#   MASKED_UNITS      units that a settled image does not start
#   DHCP_MAC          the NIC that asks for an address
#   INITRD_MODULES    the only modules in a settled image's initrd
#   UNLOADED_MODULES  modules that a settled image loads only when it is told to
set -euo pipefail
exec 2>&1
export LC_ALL=C.UTF-8 SOURCE_DATE_EPOCH=1700000000 E2FSPROGS_FAKE_TIME=1700000000 DETERMINISTIC_SEED=1

rootfs=$1 output=$2
scripts=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d "$output/assemble.XXXXXX")
root=$work/tree/root
disk=$work/disk.raw
trap 'umount "$work/tree" 2>/dev/null || true; rm -rf --one-file-system "$work"' EXIT

stage() { printf '@stage %s\n' "$*"; }

# A fixed UUID made from the recipe's name and a role.
id_of() { printf '%s' "$RECIPE $1" | sha256sum | sed -E 's/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*/\1-\2-4\3-8\4-\5/'; }

source "$scripts/partitions.sh"
source "$scripts/settle.sh"
source "$scripts/loaders.sh"

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
  mkdir "$work/tree"
  # Labels are taken only from the root of the namespace that a file system was mounted in.
  [ -z "$SELINUX" ] || mount -t tmpfs -o mode=0755 tree "$work/tree"
  mkdir "$root"
  tar --extract --file "$rootfs" --directory "$root" --numeric-owner --xattrs --xattrs-include='*' --exclude='./dev/*'
  if [ -n "$TOOLS" ]; then
    mkdir "$work/tools"
    tar --extract --file "$TOOLS" --directory "$work/tools" --exclude='./dev/*'
  fi
}

# What every image has, stock or not.
configure() {
  printf 'localhost\n' >"$root/etc/hostname"
  printf '127.0.0.1\tlocalhost\n::1\t\tlocalhost ip6-localhost ip6-loopback\n' >"$root/etc/hosts"
  printf 'LANG=C.UTF-8\n' >"$root/etc/default/locale"
  if in_guest systemctl --quiet is-enabled systemd-resolved.service 2>/dev/null; then
    ln -sf ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
  fi
  : >"$root/etc/machine-id"
  rm -f "$root"/etc/ssh/ssh_host_* "$root/var/lib/dbus/machine-id" "$root/etc/dpkg/dpkg.cfg.d/99mmdebstrap"
  mkdir -p "$root/boot/efi" "$root/boot/grub"
  in_guest passwd --quiet --lock root
  write_fstab
  while IFS='=' read -r name value; do
    sed -i "/^$name=/d" "$root/usr/lib/os-release"
    printf '%s=%s\n' "$name" "$value" >>"$root/usr/lib/os-release"
  done <"$OS_RELEASE"
  for module in $WITHOUT_MODULES; do find "$root/lib/modules" -name "$module.ko*" -delete; done
  [ -z "$WITHOUT_MODULES" ] || in_guest depmod "$kernel_version"
}

# Labels folders with all in them, through a second mount of the root, where nothing is mounted over its own folders.
label() {
  printf 'SELINUX=%s\nSELINUXTYPE=default\n' "$SELINUX" >"$root/etc/selinux/config"
  in_guest sh -euc '
    mount --bind / /mnt
    for folder; do setfiles -F -r /mnt /etc/selinux/default/contexts/files/file_contexts "/mnt$folder"; done
  ' label "$@"
}

stage 'unpacking the root file system'
unpack
kernel_version=$(ls "$root/lib/modules" | sort -V | tail -n 1)
command_line="root=$root_device ro console=tty0 console=ttyS0,115200${KERNEL_ARGUMENTS:+ $KERNEL_ARGUMENTS}"
[ "$ROOT_TYPE" != btrfs ] || command_line+=" rootflags=subvol=root"
[ -z "$VOLUME_GROUP" ] || command_line+=" rd.lvm.lv=$VOLUME_GROUP/root"
[ -z "$SELINUX" ] || command_line+=" security=selinux"
stage 'configuring'
configure
if [ -n "$INSTALLED" ]; then
  stage 'settling: agent, units, initrd'
  settle
fi
cp "$root/boot/vmlinuz-$kernel_version" "$output/kernel"
cp "$root/boot/initrd.img-$kernel_version" "$output/initrd"
printf '%s' "$command_line" >"$output/command-line"
chmod 0644 "$output"/kernel "$output"/initrd
stage 'making boot loaders'
make_loaders
[ -z "$SELINUX" ] || label /
split_trees
[ -z "$SELINUX" ] || label /boot /home
stage 'making the disk'
make_disk
chmod 0644 "$output/disk.qcow2"
