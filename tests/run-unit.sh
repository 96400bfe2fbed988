#!/bin/sh
# SPDX-License-Identifier: MIT
# run-unit.sh BUILD PROGRAM...: run each Criterion program, print one line for each and a total.
# A program that fails, crashes, hangs or tests nothing shows its output, and does not stop the
# others. One that exits with 77 counts as skipped. The results of each are kept in
# BUILD/check/unit/<name>.tap and .log; the total goes to BUILD/check/unit.count too ("passed failed
# skipped").
set -u

build=$1
shift
logs=$build/check/unit
limit=${UNIT_SECONDS:-120}
passed=0
failed=0
skipped=0

count() { # the lines of the results that match
	grep -cE "$1" "$tap"
}

total() { # a number of the last line, where the program writes no list (tests/tsan/criterion)
	n=$(sed -n "s/.*Synthesis:.* $1: \([0-9]*\).*/\1/p" "$log" | tail -n 1)
	echo "${n:-0}"
}

mkdir -p "$logs"
for program in "$@"; do
	name=$(basename "$program")
	tap=$logs/$name.tap
	log=$logs/$name.log
	: >"$tap"
	timeout "$limit" "$program" --tap="$tap" >"$log" 2>&1
	status=$?
	bad=$(count '^not ok ')
	skip=$(count '^ok .*# SKIP')
	good=$(($(count '^ok ') - skip))
	if [ ! -s "$tap" ]; then
		bad=$(total Failing)
		skip=$(total Skipped)
		good=$(total Passing)
	fi
	what=
	if [ "$status" = 77 ]; then
		skip=$((skip + 1))
	elif [ "$status" = 124 ]; then
		bad=$((bad + 1))
		what=", stopped after $limit s"
	elif [ "$status" != 0 ] && [ "$bad" = 0 ]; then
		bad=1
		what=", exit status $status"
	elif [ $((good + bad + skip)) = 0 ]; then
		bad=1
		what=", it tested nothing"
	fi
	verdict=ok
	[ "$bad" = 0 ] || verdict='not ok'
	[ "$skip" = 0 ] || what=", $skip skipped$what"
	[ "$bad" = 0 ] || what=", $bad failed$what"
	printf '%-6s %-28s %3d passed%s\n' "$verdict" "$name" "$good" "$what"
	[ "$bad" = 0 ] || tail -n 200 "$log"
	sed -n 's/^ok - \(.*[^ ]\)  *# SKIP \(.*\)/       skipped \1: \2/p' "$tap"
	passed=$((passed + good))
	failed=$((failed + bad))
	skipped=$((skipped + skip))
done
echo "$passed $failed $skipped" >"$build/check/unit.count"
printf 'unit: %d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" = 0 ]
