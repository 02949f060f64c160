#!/bin/sh
# Builds the agent: one static program without any dependency in the guest.
#
# usage: build.sh [OUTPUT]            default: dist/agent-ARCHITECTURE beside this script
# CC       compiler, a musl one for the real thing (default musl-gcc; aarch64-linux-musl-gcc for the other architecture)
# CFLAGS   replaces the flags that make it small and static, for instance to build with sanitizers
#
# The result depends on the sources and the compiler only: no path, time or build id gets into it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cc=${CC:-musl-gcc}
architecture=$($cc -dumpmachine | cut -d- -f1)
output=${1:-$here/dist/agent-$architecture}
version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' "$here/package.json")
small="-Os -static -s -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections -Wl,--gc-sections -Wl,--build-id=none -Wl,-z,norelro -Wl,-z,noseparate-code"

mkdir -p "$(dirname "$output")"
# Beside the target and renamed, so that nobody ever sees half a program. Sources in the order of their names, whatever the locale.
# shellcheck disable=SC2086
(
  cd "$here/c"
  LC_ALL=C
  export LC_ALL
  $cc -std=gnu11 -D_GNU_SOURCE -DAGENT_VERSION="\"$version\"" -Wall -Wextra -Wshadow -Wstrict-prototypes -Werror \
    -ffile-prefix-map="$here"=. ${CFLAGS:-$small} -o "$output.$$" ./*.c
)
mv -f "$output.$$" "$output"
