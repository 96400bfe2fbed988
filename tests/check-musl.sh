#!/bin/sh
# SPDX-License-Identifier: MIT
# check-musl.sh BUILD CC PREPROCESSOR-FLAG... -- SOURCE...: see that the sources ask of the C library only
# what musl has. CC is musl-gcc, whose C library comes alone: the other libraries of this machine
# are made for its own. So nothing is linked; each source is compiled against musl's headers, the kernel's
# and those of the libraries, and against no other header of this machine's C library.
# The total goes to BUILD/check/musl.count too ("passed failed skipped").
set -u

build=$1
cc=$2
shift 2
flags=
while [ "$1" != -- ]; do
	flags="$flags $1"
	shift
done
shift
work=$build/check/musl
libraries="linux asm asm-generic libdrm xf86drm.h xf86drmMode.h liburing liburing.h libnl3 jansson.h
jansson_config.h ini.h sqlite3.h sodium sodium.h archive.h archive_entry.h seccomp.h seccomp-syscalls.h vulkan vk_video
spirv-tools criterion boxfort.h curses.h ncurses.h ncurses_dll.h unctrl.h"
passed=0
failed=0

finish() {
	mkdir -p "$build/check"
	echo "$passed $failed $1" >"$build/check/musl.count"
	printf 'musl: %d passed, %d failed, %d skipped\n' "$passed" "$failed" "$1"
	[ "$failed" = 0 ]
	exit
}

if ! command -v "$cc" >/dev/null; then
	echo "skip   musl: \"$cc\" is not here (Debian's package musl-tools)"
	finish 1
fi

rm -rf "$work"
mkdir -p "$work/include"
for name in $libraries; do
	for from in /usr/include "/usr/include/$(gcc -print-multiarch)"; do
		[ ! -e "$from/$name" ] || ln -sfn "$from/$name" "$work/include/$name"
	done
done

for source in "$@"; do
	# shellcheck disable=SC2086 # words of a command
	if "$cc" -std=gnu17 -fsyntax-only -Wall -Wextra -Werror -Wno-unused-parameter $flags \
		-idirafter "$work/include" -idirafter "$work/include/libdrm" \
		-idirafter "$work/include/libnl3" "$source" 2>"$work/log"; then
		passed=$((passed + 1))
	else
		echo "not ok $source"
		cat "$work/log"
		failed=$((failed + 1))
	fi
done
finish 0
