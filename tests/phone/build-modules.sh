#!/bin/sh
# SPDX-License-Identifier: MIT
# build-modules.sh KERNEL BUILD [MAKE-ARGUMENT...]: build idlegate.ko into BUILD/idlegate and the test modules
# into BUILD/modules, against the headers in KERNEL. A warning is an error.
set -eu

kernel=$1
build=$2
shift 2
mkdir -p "$build"
log=$build/modules.log
: >"$log"

module() { # folder of the source, folder of the result
	[ -e "$1/Makefile" ] || return 0
	from=$1
	to=$2
	shift 2
	make --no-print-directory -j"$(nproc)" -C "$from" KERNEL_SRC="$kernel" KDIR="$kernel" \
		B="$(realpath -m "$to")" BUILDDIR="$(realpath -m "$to")" "$@" modules >>"$log" 2>&1 || {
		cat "$log"
		echo "build-modules.sh: $from does not build for $kernel" >&2
		exit 1
	}
}

module tests/phone/modules "$build/modules" "$@"
module kmod "$build/idlegate" SELFTEST=1 "$@"
# What the build system says of a host that differs from the kernel's is none of the module's.
if grep -i 'warning:' "$log" | grep -v 'the compiler differs from the one used to build the kernel'; then
	echo "build-modules.sh: warnings above, all in $log" >&2
	exit 1
fi
