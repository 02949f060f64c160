/** Where a guest has the files of its packages. */
export const packagesFolder = "/var/lib/nix-vm-test/packages"
