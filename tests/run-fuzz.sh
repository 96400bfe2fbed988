#!/bin/sh
# SPDX-License-Identifier: MIT
# run-fuzz.sh BUILD SECONDS PROGRAM...: run each fuzzer for a bounded time on a copy of its seeds,
# print one line for each and a total. The copy lives in BUILD/fuzz/run/<name>/corpus and what was
# found is kept there for the next run; an input that fails is left beside it. The total goes to
# BUILD/check/fuzz.count too ("passed failed skipped").
set -u

build=$1
seconds=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
passed=0
failed=0

export UBSAN_OPTIONS="print_stacktrace=1:${UBSAN_OPTIONS:-}"

run_one() {
	name=$(basename "$1")
	run=$build/fuzz/run/$name
	seeds=$here/fuzz/corpus/$name
	mkdir -p "$run/corpus"
	rm -f "$run"/crash-* "$run"/leak-* "$run"/timeout-* "$run"/oom-* "$run"/slow-unit-*
	if [ ! -d "$seeds" ] || [ -z "$(ls -A "$seeds")" ]; then
		printf 'not ok %-12s no seeds: put some into tests/fuzz/corpus/%s/\n' "$name" "$name"
		return 1
	fi
	cp "$seeds"/* "$run/corpus/"
	set -- "$1" -max_total_time="$seconds" -rss_limit_mb=1024 -timeout=10 \
		-print_final_stats=1 -artifact_prefix="$run/"
	[ -f "$here/fuzz/corpus/$name.dict" ] && set -- "$@" -dict="$here/fuzz/corpus/$name.dict"
	if ! "$@" "$run/corpus" >"$run/log" 2>&1; then
		printf 'not ok %-12s input and log in %s; the end of the log:\n' "$name" "$run"
		tail -n 40 "$run/log"
		return 1
	fi
	sed -n 's/^stat::number_of_executed_units: *//p' "$run/log" | {
		read -r units
		if [ "${units:-0}" -eq 0 ]; then
			printf 'not ok %-12s it ran no input; log in %s\n' "$name" "$run/log"
			exit 1
		fi
		cov=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$run/log" | tail -n 1)
		printf 'ok     %-12s %s inputs in %s s, %s edges seen\n' "$name" "$units" \
			"$seconds" "${cov:-?}"
	}
}

for program in "$@"; do
	if run_one "$program"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
	fi
done
mkdir -p "$build/check"
echo "$passed $failed 0" >"$build/check/fuzz.count"
printf 'fuzz: %d passed, %d failed, 0 skipped\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
