#!/bin/bash
# Makes the tar of a Debian root file system from packages.
#
#   rootfs.sh OUTPUT.tar.zst SUITE PACKAGE,PACKAGE… 'deb URL SUITE main'…
#
# Runs as root, or as root of a user namespace. Manual pages, documentation and translations are left out: a test guest has no reader.
set -euo pipefail
export LC_ALL=C.UTF-8

output=$1 suite=$2 packages=$3
shift 3
exec mmdebstrap --mode=root --variant=apt --architectures=amd64 --components=main \
  --aptopt='APT::Install-Recommends "false"' \
  --aptopt='Acquire::Languages "none"' \
  --dpkgopt=force-unsafe-io \
  --dpkgopt='path-exclude=/usr/share/man/*' \
  --dpkgopt='path-exclude=/usr/share/doc/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' \
  --include="$packages" "$suite" "$output" "$@" 2>&1
