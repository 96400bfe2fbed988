#!/bin/sh
# SPDX-License-Identifier: MIT
# The client library as its users see it: the header compiles alone in C and C++, the exports are
# those of idlebroker.h, each has a manual page, and a program builds against an installed tree
# through pkg-config and runs.
set -eu
build=$1 cc=$2 cxx=$3 san=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
strict="-Wall -Wextra -Wpedantic -Werror -Wshadow"

fail() {
	echo "check-lib: $*" >&2
	exit 1
}

root=$work/root
make --no-print-directory B="$build" CC="$cc" DESTDIR="$root" prefix=/usr libdir=/usr/lib \
	install-libbroker >/dev/null

printf '#include <idlebroker.h>\nextern int unused;\n' >"$work/alone.c"
cp "$work/alone.c" "$work/alone.cc"
# shellcheck disable=SC2086 # lists of flags
for std in c99 gnu17; do
	$cc -std=$std $strict -I"$root/usr/include" -c "$work/alone.c" -o "$work/alone.o"
done
# shellcheck disable=SC2086
for std in c++11 c++17; do
	$cxx -std=$std $strict -I"$root/usr/include" -c "$work/alone.cc" -o "$work/alone.o"
done

sed -n 's/^\(.*[ *]\)\{0,1\}\(idlebroker_[a-z_]*\)(.*/\2/p' libbroker/idlebroker.h |
	grep -v '_fn$' | sort -u >"$work/declared"
nm -D --defined-only "$root/usr/lib/libidlebroker.so" |
	sed -n 's/.* [TDBR] \([^@]*\)@@IDLEBROKER_.*/\1/p' | sort -u >"$work/exported"
nm -D --defined-only "$root/usr/lib/libidlebroker.so" |
	sed -n 's/.* [TDBRVW] //p' | grep -v '@@IDLEBROKER_' >"$work/strange" || true
[ -s "$work/declared" ] || fail "no function found in idlebroker.h"
cmp -s "$work/declared" "$work/exported" ||
	fail "header and exports differ: $(diff "$work/declared" "$work/exported" | grep '^[<>]')"
[ ! -s "$work/strange" ] || fail "exported without a version: $(cat "$work/strange")"
while read -r name; do
	[ -f "packaging/man/$name.3" ] || fail "packaging/man/$name.3 is missing"
done <"$work/declared"

soname=$(readelf -d "$root/usr/lib/libidlebroker.so" | sed -n 's/.*SONAME.*\[\(.*\)\].*/\1/p')
[ "$soname" = libidlebroker.so.0 ] || fail "the soname is $soname"

cat >"$work/program.c" <<'PROGRAM'
#include <errno.h>
#include <idlebroker.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
	struct idlebroker *c;
	int err = idlebroker_connect(&c, "/nonexistent/broker");

	printf("%s\n", idlebroker_version());
	return err == -ENOENT && strstr(idlebroker_error(c), "brokerd") ? (idlebroker_close(c), 0) : 1;
}
PROGRAM
flags=$(PKG_CONFIG_SYSROOT_DIR=$root PKG_CONFIG_PATH=$root/usr/lib/pkgconfig \
	pkg-config --cflags --libs idlebroker)
case $flags in
*"$root"*) ;;
*) flags="-I$root/usr/include -L$root/usr/lib -lidlebroker" ;; # /usr is left out as a default
esac
# shellcheck disable=SC2086
$cc $strict $san "$work/program.c" -o "$work/program" $flags
said=$(LD_LIBRARY_PATH=$root/usr/lib "$work/program") || fail "the installed library does not work"
[ "$said" = "$(cat VERSION)" ] || fail "the library says version $said"
[ "$(PKG_CONFIG_PATH=$root/usr/lib/pkgconfig pkg-config --modversion idlebroker)" = "$said" ] ||
	fail "idlebroker.pc has another version"
echo "check-lib: ok, $(wc -l <"$work/exported") functions"
