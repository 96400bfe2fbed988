#!/bin/sh
# SPDX-License-Identifier: MIT
# build.sh KERNEL BUILD: build what the debug lane runs, inside the root of its suite (enter.sh): the suite's
# programs, the modules against KERNEL, and the module of mistakes.
set -eu

kernel=$1
build=$2
here=$(realpath "$(dirname "$0")")
jobs=-j$(nproc)

make --no-print-directory "$jobs" B="$build" phone-guest phone-debug-guest
tests/phone/build-modules.sh "$kernel" "$build"
mkdir -p "$build/mistakes"
ln -sf "$here/mistakes/Kbuild" "$here/mistakes/mistakes.c" "$build/mistakes/"
make --no-print-directory "$jobs" -C "$kernel" M="$(realpath "$build/mistakes")" modules
