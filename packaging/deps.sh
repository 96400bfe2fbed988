#!/bin/sh
# SPDX-License-Identifier: MIT
# Install what building and testing need. As root (or with a working sudo) it installs; else it
# prints the one command to run and fails. Does nothing when all is there.
#
# `deps.sh bench` adds what benchmarks compare with, and never fails for the lack of it. Its package
# starts a service, so where a service manager runs it is left to the owner. `deps.sh phone` adds what
# makes and starts the virtual phone. `deps.sh list` prints what building and the integration tests
# need, in Debian's names: the phone's root is made of it.
set -eu

build="gcc g++ make pkg-config clang liburing-dev libdrm-dev libnl-3-dev libnl-genl-3-dev libvulkan-dev
mesa-vulkan-drivers zlib1g-dev libjansson-dev libinih-dev libsqlite3-dev sqlite3 libsodium-dev libarchive-dev
spirv-tools spirv-tools-dev libseccomp-dev libncurses-dev libcriterion-dev glslang-tools libsystemd-dev
bpftool libbpf-dev libelf-dev dbus-daemon dataset-fashion-mnist strace python3 python3-jsonschema xz-utils tar"
arch=$(dpkg --print-architecture 2>/dev/null || echo amd64)
debian="$build libclang-rt-dev clang-format codespell shellcheck mandoc musl-tools linux-headers-$arch sparse lld llvm
python3-yaml"
alpine="gcc g++ make pkgconf clang compiler-rt clang-extra-tools liburing-dev libdrm-dev libnl3-dev
vulkan-loader-dev vulkan-headers mesa-vulkan-swrast zlib-dev jansson-dev inih-dev sqlite-dev sqlite libsodium-dev
libarchive-dev spirv-tools-dev libseccomp-dev ncurses-dev criterion-dev glslang shellcheck strace
bpftool libbpf-dev elfutils-dev mandoc python3 py3-jsonschema linux-headers bash coreutils"
bench="boinc-client"

say() {
	printf 'deps: %s\n' "$*"
}

missing_debian() {
	for p in $debian; do
		case $p in
		libclang-rt-dev) # the sanitizers' runtime of clang: named by version in Debian 12
			dpkg-query -W -f '${db:Status-Status}\n' 'libclang-rt-*-dev' 2>/dev/null |
				grep -qx installed || apt-cache depends clang 2>/dev/null |
				sed -n 's/.*Depends: clang-\([0-9]*\).*/libclang-rt-\1-dev/p' | head -n 1
			;;
		spirv-tools-dev) # part of spirv-tools up to Debian 13
			[ -e /usr/include/spirv-tools/libspirv.h ] ||
				! apt-cache show "$p" >/dev/null 2>&1 || echo "$p"
			;;
		*)
			dpkg-query -W -f '${db:Status-Status}\n' "$p" 2>/dev/null | grep -qx installed ||
				echo "$p"
			;;
		esac
	done
}

install_bench() {
	if command -v boinc >/dev/null; then
		return
	fi
	if [ "$(id -u)" = 0 ] && [ ! -d /run/systemd/system ] && command -v apt-get >/dev/null; then
		say "installing: $bench"
		if DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
			"$bench" >/dev/null 2>&1; then
			return
		fi
	fi
	say "not here: $bench, with which make bench compares"
}

as_root=
if [ "$(id -u)" != 0 ]; then
	as_root="sudo"
fi

install_or_tell() {
	if [ -n "$as_root" ] && ! sudo -n true 2>/dev/null; then
		say "missing: $want"
		say "run: sudo $*"
		exit 1
	fi
	say "installing: $want"
	$as_root "$@"
}

case ${1:-} in
list)
	echo "$build" | tr -s ' \n' '\n'
	exit 0
	;;
bench)
	install_bench
	;;
phone)
	debian="$debian mmdebstrap linux-headers-amd64 util-linux"
	;;
esac

if command -v apt-get >/dev/null; then
	want=$(missing_debian | tr '\n' ' ')
	[ -n "$want" ] || exit 0
	if [ "$(id -u)" = 0 ]; then
		apt-get -qq -o Acquire::Check-Valid-Until=false update
		want=$(missing_debian | tr '\n' ' ')
	fi
	# shellcheck disable=SC2086 # a list of packages
	DEBIAN_FRONTEND=noninteractive install_or_tell apt-get install -qq -y --no-install-recommends $want >/dev/null
elif command -v apk >/dev/null; then
	want=$(for p in $alpine; do apk info -e "$p" >/dev/null 2>&1 || echo "$p"; done | tr '\n' ' ')
	[ -n "$want" ] || exit 0
	# shellcheck disable=SC2086
	install_or_tell apk add --quiet $want
else
	say "neither apt-get nor apk is here; install these (Debian's names): $debian"
	exit 1
fi
