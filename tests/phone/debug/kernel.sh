#!/bin/sh
# SPDX-License-Identifier: MIT
# kernel.sh OUT: build the debug kernel from the linux-source package of the root that this runs in, with
# /kernel.config. OUT gets vmlinuz, System.map, config, release, and build/, against which modules are built.
set -eu

out=$1
cd /usr/src
tar xf linux-source-*.tar.xz
source=$(echo /usr/src/linux-source-*/)
source=${source%/}

make -C "$source" O=/build KCONFIG_ALLCONFIG=/kernel.config allnoconfig
lost=$(grep -E '^(# )?CONFIG_' /kernel.config | grep -vxFf /build/.config || true)
if [ -n "$lost" ]; then
	echo "kernel.sh: this kernel does not take these lines of kernel.config:" >&2
	echo "$lost" >&2
	exit 1
fi

cd /build
nice -n 10 make -j"$(nproc)" bzImage modules
mkdir -p "$out"
srctree=$source SRCARCH=x86 CC=gcc HOSTCC=gcc MAKE=make \
	sh "$source/scripts/package/install-extmod-build" "$out/build"
cp .config "$out/config"
cp .config "$out/build/.config"
cp arch/x86/boot/bzImage "$out/vmlinuz"
cp System.map "$out/"
cp include/config/kernel.release "$out/release"
