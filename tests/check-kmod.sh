#!/bin/sh
# SPDX-License-Identifier: MIT
# check-kmod.sh BUILD MAKE: what checkers say of the module: gcc with W=1 and sparse, clang, checkpatch; that it builds
# from a source that cannot be written to and as DKMS builds it; and that its netlink spec says what
# its header says.
#
# The kernel is that of KDIR, or the newest whose headers are installed. What is not here is skipped,
# aloud. checkpatch comes from the kernel's headers, from /usr/src/linux-source-*, or once from Debian's
# package of that name, of which it is kept in the cache.
set -u

build=$(realpath -m "$1")
make=$2
out=$build/check-kmod
log=$out/log
cache=${XDG_CACHE_HOME:-$HOME/.cache}/idlebroker
kmod_sources=$(git ls-files 'kmod/*.[ch]')
passed=0
failed=0
skipped=0

mkdir -p "$out" "$build/check"
rm -f "$log"

ok() {
	passed=$((passed + 1))
	echo "ok      $*"
}

not_ok() {
	failed=$((failed + 1))
	echo "not ok  $*"
}

skip() {
	skipped=$((skipped + 1))
	echo "skip    $*"
}

newest_kernel() {
	for k in /lib/modules/*/build /usr/src/linux-headers-*; do
		[ -e "$k/.config" ] && [ -e "$k/Makefile" ] && echo "$k"
	done | sort -V | tail -n 1
}

# What the build system says of a host that differs from the kernel's is none of the module's.
is_clean() {
	! grep -iE 'warning:|error:' "$1" |
		grep -v 'the compiler differs from the one used to build the kernel'
}

builds() { # what, folder of the result, make's arguments
	what=$1
	to=$out/$2
	shift 2
	rm -rf "$to"
	if "$make" --no-print-directory -C kmod -j"$(nproc)" KDIR="$kernel" B="$to" "$@" modules >"$log.$$" 2>&1 &&
		is_clean "$log.$$" && [ -e "$to/idlegate.ko" ]; then
		ok "$what"
	else
		cat "$log.$$"
		not_ok "$what"
	fi
	cat "$log.$$" >>"$log"
	rm -f "$log.$$"
}

# As DKMS does: its own copy, its own commands, and the module where dkms.conf says.
builds_for_dkms() {
	root=$out/dkms
	rm -rf "$root"
	"$make" --no-print-directory -s B="$build" DESTDIR="$root" prefix=/usr install-dkms || return 1
	(
		cd "$root"/usr/src/idlegate-* || exit 1
		# shellcheck disable=SC2034 # used by dkms.conf
		kernel_source_dir=$kernel
		# It sets an array, which only bash has.
		export kernel_source_dir
		bash -c 'set -e; . ./dkms.conf; [ "$PACKAGE_VERSION" = "$(cat VERSION)" ]; eval "${MAKE[0]}" >&2
			[ -e "${BUILT_MODULE_LOCATION[0]}/${BUILT_MODULE_NAME[0]}.ko" ]; eval "$CLEAN"
			[ ! -e build ]' >>"$log" 2>&1
	)
}

installs() {
	"$make" --no-print-directory -C kmod KDIR="$kernel" B="$out/gcc" INSTALL_MOD_PATH="$out/root" \
		DEPMOD=true modules_install >>"$log" 2>&1 &&
		[ -n "$(find "$out/root/lib/modules" -name 'idlegate.ko*')" ]
}

cached_checkpatch() {
	keep=$cache/checkpatch
	if [ ! -x "$keep/checkpatch.pl" ]; then
		command -v apt-get >/dev/null || return 1
		package=$(apt-cache depends linux-source 2>/dev/null | sed -n 's/.*Depends: //p' | head -n 1)
		tmp=$(mktemp -d "$out/source.XXXXXX")
		(cd "$tmp" && apt-get download -qq "${package:-linux-source}") >>"$log" 2>&1 &&
			dpkg-deb --fsys-tarfile "$tmp"/*.deb | tar -xO --wildcards '*/linux-source-*.tar.xz' |
			xz -dc | tar -x -C "$tmp" --strip-components=2 --wildcards '*/scripts/checkpatch.pl' \
			'*/scripts/spelling.txt' '*/scripts/const_structs.checkpatch' 2>>"$log"
		if [ -e "$tmp/checkpatch.pl" ]; then
			chmod +x "$tmp/checkpatch.pl"
			mkdir -p "$keep"
			mv "$tmp/checkpatch.pl" "$tmp/spelling.txt" "$tmp/const_structs.checkpatch" "$keep/" \
				2>>"$log"
		fi
		rm -rf "$tmp"
	fi
	[ -x "$keep/checkpatch.pl" ] && echo "$keep/checkpatch.pl"
}

find_checkpatch() {
	for c in "$kernel/scripts/checkpatch.pl" /usr/src/linux-source-*/scripts/checkpatch.pl \
		"$cache"/debug-kernel-*/build/scripts/checkpatch.pl; do
		if [ -e "$c" ]; then
			echo "$c"
			return
		fi
	done
	cached_checkpatch
}

# SPDX_LICENSE_TAG wants comments with two slashes in .c files, BIT_MACRO what a header for user space has
# not; the core's own names for the kernel's types are for user space, its case table is a table, and gcc asks for
# parentheses around a comparison that is compared.
check_patch() {
	# shellcheck disable=SC2046,SC2086 # lists of files
	perl "$checkpatch" --no-tree --strict --terse --show-types --max-line-length=100 --no-summary \
		--ignore SPDX_LICENSE_TAG,BIT_MACRO,PREFER_KERNEL_TYPES,COMPLEX_MACRO,UNNECESSARY_PARENTHESES \
		-f $kmod_sources
}

kernel=${KDIR:-$(newest_kernel)}
if [ -z "$kernel" ]; then
	skip "check-kmod: no kernel headers here; make deps installs them"
	echo "0 0 1" >"$build/check/kmod.count"
	exit 0
fi
echo "against $kernel"

if command -v sparse >/dev/null; then
	builds "gcc, W=1, sparse" gcc W=1 C=2 SELFTEST=1
else
	builds "gcc, W=1" gcc W=1 SELFTEST=1
	skip "check-kmod: sparse is not installed"
fi
if command -v clang >/dev/null && command -v ld.lld >/dev/null; then
	builds "clang, W=1" clang LLVM=1 W=1
else
	skip "check-kmod: clang or lld is not installed"
fi
if installs; then ok "modules_install"; else not_ok "modules_install; see $log"; fi
if builds_for_dkms; then ok "as DKMS builds it"; else not_ok "as DKMS builds it; see $log"; fi
if checkpatch=$(find_checkpatch); then
	if check_patch; then ok checkpatch; else not_ok checkpatch; fi
else
	skip "check-kmod: checkpatch.pl is not here and cannot be had"
fi
if python3 -c 'import yaml' 2>/dev/null; then
	if tests/kmod_spec.py; then ok "the netlink spec"; else not_ok "the netlink spec"; fi
else
	skip "check-kmod: python3-yaml is not installed"
fi
left=$(git status --porcelain --ignored kmod | grep '^!!')
if [ -z "$left" ]; then
	ok "nothing is left among the sources"
else
	not_ok "left among the sources: $left"
fi

echo "$passed $failed $skipped" >"$build/check/kmod.count"
echo "check-kmod: $passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
