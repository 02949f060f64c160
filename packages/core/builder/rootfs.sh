#!/bin/bash
# Makes a tar from packages of Debian.
#
#   rootfs.sh OUTPUT.tar.zst SUITE PACKAGE,PACKAGE… 'deb URL SUITE main'…
#
# Runs as root, or as root of a user namespace. Manual pages, documentation and translations are left out: a test guest has no reader.
#
# Environment:
#   VARIANT  `apt`: a root file system; `extract`: what the packages contain, and those they depend on, nothing of it configured
#   FILES    folder whose content is in the root before the packages are configured
set -euo pipefail
export LC_ALL=C.UTF-8

output=$1 suite=$2 packages=$3
shift 3
# A mirror that is kept as it was once has indexes of suites in development that are past their date.
exec mmdebstrap --mode=root --variant="$VARIANT" --architectures=amd64 --components=main \
  --aptopt='APT::Install-Recommends "false"' \
  --aptopt='Acquire::Languages "none"' \
  --aptopt='Acquire::Check-Valid-Until "false"' \
  --dpkgopt=force-unsafe-io \
  --dpkgopt='path-exclude=/usr/share/man/*' \
  --dpkgopt='path-exclude=/usr/share/doc/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' \
  --essential-hook='cp --recursive "$FILES/." "$1/"' \
  --include="$packages" "$suite" "$output" "$@" 2>&1
