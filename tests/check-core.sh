#!/bin/sh
# SPDX-License-Identifier: MIT
# check-core.sh BUILD CC SOURCE...: compile the gate core as a kernel would, for machines of 64 and of
# 32 bits, and see that it needs nothing but itself: no libc header, no floating point, a small
# stack, and no symbol from outside but those that every kernel has (so no 64-bit division). What the
# kernel's own three headers give is given here by twins of them. The total goes to
# BUILD/check/core.count too ("passed failed skipped").
set -u

build=$1
cc=$2
shift 2
top=$(cd "$(dirname "$0")/.." && pwd)
work=$build/check/core
allowed='^(memcpy|memset|memmove|memcmp|__stack_chk_fail)$'
passed=0
failed=0
skipped=0

twins() {
	mkdir -p "$work/include/linux"
	cat >"$work/include/linux/types.h" <<-'END'
		#pragma once
		#include <stddef.h>
		typedef unsigned char __u8;
		typedef unsigned int u32, __u32;
		typedef int s32, __s32;
		typedef unsigned long long u64, __u64;
		typedef long long s64, __s64;
		typedef _Bool bool;
		enum { false, true };
	END
	# Numbers of ioctls are of no use to the core: the header that has them is there, and empty.
	: >"$work/include/linux/ioctl.h"
	echo '#define EINVAL 22' >"$work/include/linux/errno.h"
	cat >"$work/include/stddef.h" <<-'END'
		#pragma once
		#define NULL ((void *)0)
		typedef __SIZE_TYPE__ size_t;
	END
}

# outside OBJECT...: the symbols that the objects need and none of them has
outside() {
	nm -f posix "$@" | awk '$2 == "U" { need[$1] } NF > 1 && $2 != "U" { has[$1] }
		END { for (s in need) if (!(s in has)) print s }' | grep -vE "$allowed"
}

# check NAME COMPILER FLAG... -- SOURCE...
check() {
	name=$1
	shift
	flags=
	while [ "$1" != -- ]; do
		flags="$flags $1"
		shift
	done
	shift
	dir=$work/$name
	rm -rf "$dir"
	mkdir -p "$dir"
	for source in "$@"; do
		# shellcheck disable=SC2086 # words of a command
		if ! $flags -D__KERNEL__ -std=gnu11 -ffreestanding -nostdinc -fno-common -fno-pie \
			-Wall -Wextra -Werror -Wvla -Wundef -Wframe-larger-than=1024 \
			-I"$work/include" -I"$top/kmod/uapi" -c -o "$dir/$(basename "$source").o" \
			"$source" 2>"$dir/log"; then
			printf 'not ok %-14s %s does not compile:\n' "$name" "$source"
			cat "$dir/log"
			failed=$((failed + 1))
			return
		fi
	done
	foreign=$(outside "$dir"/*.o)
	if [ -n "$foreign" ]; then
		printf 'not ok %-14s needs from outside: %s\n' "$name" "$(echo "$foreign" | tr '\n' ' ')"
		failed=$((failed + 1))
		return
	fi
	printf 'ok     %-14s %d objects need nothing from outside\n' "$name" "$#"
	passed=$((passed + 1))
}

# Only what the compiler can make at all is checked; the rest is said.
check_if() {
	# shellcheck disable=SC2086 # words of a command
	if ! echo 'int x;' | $2 -x c -c -o /dev/null - 2>/dev/null; then
		printf 'skip   %-14s "%s" makes no objects here\n' "$1" "$2"
		skipped=$((skipped + 1))
		return
	fi
	check "$@"
}

twins
check native "$cc" -O2 -- "$@"
case $(uname -m) in
x86_64)
	check_if no-fpu "$cc -mgeneral-regs-only" -O2 -- "$@"
	check_if m32 "$cc -m32 -mgeneral-regs-only" -O2 -- "$@"
	;;
aarch64) check_if no-fpu "$cc -mgeneral-regs-only" -O2 -- "$@" ;;
esac
check_if clang-i386 "clang --target=i386-linux-gnu" -mno-sse -O2 -- "$@"
check_if clang-arm "clang --target=arm-linux-gnueabi" -msoft-float -O2 -- "$@"
check_if clang-arm64 "clang --target=aarch64-linux-gnu" -mgeneral-regs-only -Os -- "$@"

mkdir -p "$build/check"
echo "$passed $failed $skipped" >"$build/check/core.count"
printf 'core: %d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" = 0 ]
