#!/bin/sh
# SPDX-License-Identifier: MIT
# check.sh BUILD MAKE: every stage of `make check`, one after the other, and one total at the end.
#
# A stage is a make target. It may leave its counts ("passed failed skipped") in
# BUILD/check/<stage>.count; one that leaves none counts as one test. A stage that fails shows the end
# of its log and does not stop the others.
#
# The lanes of the virtual phone are short here: fewer repetitions, and of the integration tests those of
# the phone's own sensors. `make check-phone` runs them whole.
set -u

build=$1
make=$2
logs=$build/check
passed=0
failed=0
skipped=0
verdict=0

mkdir -p "$logs"

stage() { # name, counts, then make's arguments
	name=$1
	counts=$build/$2
	shift 2
	log=$logs/$name.log
	began=$(date +%s)
	what=ok
	rm -f "$counts"
	"$make" --no-print-directory "$@" >"$log" 2>&1 || what='not ok'
	p=0 f=0 s=0
	if [ -s "$counts" ]; then
		read -r p f s <"$counts"
	elif [ "$what" = ok ]; then
		p=1
	fi
	if [ "$what" != ok ]; then
		[ "$f" != 0 ] || f=1
		verdict=1
		tail -n 120 "$log"
	fi
	grep -E '^ *(skip|skipped) ' "$log"
	printf '%-6s %-18s %5d passed %3d failed %3d skipped %5d s\n' "$what" "$name" "$p" "$f" "$s" \
		$(($(date +%s) - began))
	passed=$((passed + p))
	failed=$((failed + f))
	skipped=$((skipped + s))
}

jobs=-j$(nproc)
stage style none style
stage build none "$jobs" all
stage clang none "$jobs" B="$build/clang" CC=clang all
stage core none "$jobs" check-core
stage kmod check/kmod.count check-kmod
stage musl check/musl.count check-musl
stage unit check/unit.count "$jobs" check-unit
stage lib none "$jobs" check-lib
stage tools check/tools.count "$jobs" check-tools
stage integration check/integration.count "$jobs" check-integration
stage kill-anywhere check/kill.count "$jobs" check-kill
stage phone-log none check-phone-log
stage phone-bookworm check/phone-bookworm.count check-phone-bookworm
stage phone-trixie check/phone-trixie.count PHONE_SHORT=1 check-phone-trixie
stage phone-forky check/phone-forky.count PHONE_SHORT=1 check-phone-forky
stage fuzz check/fuzz.count "$jobs" check-fuzz
stage asan-unit asan/check/unit.count "$jobs" B="$build/asan" SAN=address,undefined check-unit
stage asan-integration asan/check/integration.count "$jobs" B="$build/asan" SAN=address,undefined \
	check-integration
stage tsan-store tsan/check/unit.count "$jobs" B="$build/tsan" SAN=thread check-store

echo
echo "$passed passed, $failed failed, $skipped skipped"
exit "$verdict"
