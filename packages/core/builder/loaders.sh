# GRUB for BIOS and UEFI. Read by assemble.sh, with its variables and functions.
# shellcheck shell=bash disable=SC2154

make_loaders() {
  write_grub_configuration
  make_bios_loader
  [ -z "$(start_of esp)" ] || make_efi_partition
}

write_grub_configuration() {
  cat >"$root/boot/grub/grub.cfg" <<GRUB
set timeout=0
set default=0
serial --unit=0 --speed=115200
terminal_input console serial
terminal_output console serial
search --no-floppy --fs-uuid --set=root $boot_id
menuentry 'Linux' {
  linux $boot_prefix/vmlinuz-$kernel_version $command_line
  initrd $boot_prefix/initrd.img-$kernel_version
}
GRUB
}

# GRUB for BIOS: modules where the guest's own update-grub expects them, a core image for the BIOS boot partition.
make_bios_loader() {
  local modules=(biosdisk part_gpt)
  case $boot_type in ext4) modules+=(ext2) ;; *) modules+=("$boot_type") ;; esac
  mkdir -p "$root/boot/grub/i386-pc"
  cp "$root"/usr/lib/grub/i386-pc/*.mod "$root"/usr/lib/grub/i386-pc/*.lst "$root/boot/grub/i386-pc/"
  in_guest grub-mkimage -O i386-pc -p "(,gpt$boot_number)$boot_prefix/grub" -o /core.img "${modules[@]}"
  mv "$root/core.img" "$work/core.img"
  cp "$root/usr/lib/grub/i386-pc/boot.img" "$work/boot.img"
}

# The removable path of UEFI: Debian's signed shim and GRUB, which reads EFI/debian/grub.cfg beside it.
make_efi_partition() {
  local tree=$work/esp
  mkdir -p "$tree/EFI/BOOT" "$tree/EFI/debian"
  cp "$root/usr/lib/shim/shimx64.efi.signed" "$tree/EFI/BOOT/BOOTX64.EFI"
  cp "$root/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed" "$tree/EFI/BOOT/grubx64.efi"
  printf 'search.fs_uuid %s root\nset prefix=($root)%s/grub\nconfigfile $prefix/grub.cfg\n' "$boot_id" "$boot_prefix" \
    >"$tree/EFI/debian/grub.cfg"
  truncate -s "$(size_of esp)M" "$work/esp.img"
  mformat -i "$work/esp.img" -F -v EFI -N "$esp_serial" ::
  mcopy -s -i "$work/esp.img" "$tree/EFI" ::
}
