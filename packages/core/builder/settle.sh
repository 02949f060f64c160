# What makes a test guest quick and enterable. Read by assemble.sh, with its variables and functions.
# shellcheck shell=bash disable=SC2154,SC2086 # the variables are assemble.sh's; some are lists of words

settle() {
  in_guest passwd --quiet --delete root
  in_guest ssh-keygen -q -A
  # A disk that is thrown away needs no check, and nothing in a test reads the ESP.
  printf '%s\n' "$root_device / ext4 rw,discard,errors=remount-ro 0 0" >"$root/etc/fstab"
  printf 'blacklist %s\n' $UNLOADED_MODULES >"$root/etc/modprobe.d/nix-vm-test.conf"
  if [ -e "$root/lib/systemd/systemd" ]; then settle_systemd; else settle_sysvinit; fi
  shrink_initrd
}

settle_systemd() {
  install -m 0644 "$AGENT_UNIT" "$root/etc/systemd/system/$(basename "$AGENT_UNIT")"
  in_guest systemctl --quiet enable "$(basename "$AGENT_UNIT")" systemd-networkd.service systemd-resolved.service
  in_guest systemctl --quiet mask $MASKED_UNITS
  : >"$root/etc/cloud/cloud-init.disabled"
  # Only the NIC of QEMU's own network asks for an address; those of a test's networks are the driver's.
  printf '%s\n' '[Match]' "MACAddress=$DHCP_MAC" '' '[Network]' 'DHCP=yes' '' '[Link]' 'RequiredForOnline=no' \
    >"$root/etc/systemd/network/80-user-network.network"
}

# init starts the agent anew whenever it ends, as it does with a getty.
settle_sysvinit() {
  install -D -m 0755 "$AGENT_SCRIPT" "$root/usr/local/sbin/nix-vm-test-agent"
  printf '%s\n' 'nvt:2345:respawn:/usr/local/sbin/nix-vm-test-agent' 'T0:23:respawn:/sbin/getty -L ttyS0 115200 vt100' >>"$root/etc/inittab"
  printf '%s\n' 'auto lo' 'iface lo inet loopback' "auto mac/$DHCP_MAC=user" 'iface user inet dhcp' >"$root/etc/network/interfaces"
}

shrink_initrd() {
  sed -i 's/^MODULES=.*/MODULES=list/; s/^BUSYBOX=.*/BUSYBOX=n/' "$root/etc/initramfs-tools/initramfs.conf"
  printf '%s\n' $INITRD_MODULES >"$root/etc/initramfs-tools/modules"
  # It grows the root inside the initrd, where udev has to settle twice for it; the driver grows disks itself.
  if [ -e "$root/var/lib/dpkg/info/cloud-initramfs-growroot.list" ]; then
    in_guest dpkg --purge --no-triggers cloud-initramfs-growroot
  fi
  in_guest update-initramfs -u -k all
}
