#!/bin/sh
# SPDX-License-Identifier: MIT
# guest.sh VERB: what the debug lane does in the guest beside running tests.
#
#   mistakes   make one mistake for each checker; the log shall tell
#   unload     idlegate and the test modules go
#   leaks      status 1 and the stacks if memory was lost since boot
#   awake      status 1 if a checker has turned itself off meanwhile
set -eu

debug=/sys/kernel/debug

leaks() {
	# kmemleak leaves the young alone: what it finds must have been lost for 5 s, at two looks.
	sync
	sleep 6
	echo scan >$debug/kmemleak
	sleep 6
	echo scan >$debug/kmemleak
	cat $debug/kmemleak
}

case ${1:-} in
mistakes)
	# Locks first: a report of KASAN turns lockdep off.
	for what in order leak use sleep timer; do
		echo "phone: mistake $what" >/dev/kmsg
		insmod "$B/mistakes/mistakes.ko" what=$what 2>/dev/null || true
	done
	leaks >/dev/null
	;;
unload)
	rmmod idlegate vbattery vthermal
	;;
leaks)
	# Left behind by a test that failed, it would fail all that follows.
	echo 0 | tee $debug/failslab/probability >$debug/fail_page_alloc/probability
	found=$(leaks)
	[ -z "$found" ] || { echo "$found"; exit 1; }
	;;
awake)
	grep -qE '^ *debug_locks: *1' /proc/lockdep_stats || { echo "lockdep is off"; exit 1; }
	echo scan >$debug/kmemleak || { echo "kmemleak is off"; exit 1; }
	;;
*)
	echo "guest.sh: mistakes, unload, leaks or awake, not '${1:-}'" >&2
	exit 2
	;;
esac
