#!/bin/sh
# SPDX-License-Identifier: MIT
# What surrounds brokerctl follows its table of commands: the completions of three shells, the
# manual page and the help; the manual pages are clean; without a broker, each command says so.
set -eu
build=$1
ctl=$build/brokerctl
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0
skipped=0

fail() {
	echo "check-tools: $*" >&2
	bad=1
}

"$ctl" --list-commands >"$work/table"
[ -s "$work/table" ] || fail "brokerctl --list-commands prints nothing"
cut -f 1 "$work/table" | sort >"$work/commands"

# The commands that each file offers, and no others.
sed -n "/local commands=/,/'$/p" packaging/completions/brokerctl.bash | tr -d "'" |
	sed 's/local commands=//' | tr -s '[:space:]' '\n' | sed '/^$/d' | sort >"$work/bash"
sed -n "s/^\t\t['\"]\([a-z]*\):.*/\1/p" packaging/completions/_brokerctl | sort >"$work/zsh"
sed -n 's/.*__fish_use_subcommand -a \([a-z]*\) .*/\1/p' packaging/completions/brokerctl.fish |
	sort >"$work/fish"
sed -n 's/^\.It Cm \([a-z]*\).*/\1/p' packaging/man/brokerctl.1 | sort >"$work/man"
for where in bash zsh fish man; do
	diff "$work/commands" "$work/$where" >"$work/diff" ||
		fail "the commands of $where differ: $(grep '^[<>]' "$work/diff" | tr '\n' ' ')"
done

# The options of each command.
while IFS='	' read -r name _ options; do
	for o in $options; do
		grep -q "^	$name) options=.*$o" packaging/completions/brokerctl.bash ||
			fail "bash: $name $o"
		sed -n "/^		$name)/,/;;/p" packaging/completions/_brokerctl | grep -q -e "$o" ||
			fail "zsh: $name $o"
		grep -q "from $name'.* -l ${o#--}" packaging/completions/brokerctl.fish ||
			fail "fish: $name $o"
		grep -q -e "Fl -${o#--}" packaging/man/brokerctl.1 || fail "brokerctl.1: $name $o"
	done
done <"$work/table"

bash -n packaging/completions/brokerctl.bash || fail "bash cannot read its completion"
COMP_LINE='brokerctl sub' bash -c '
	. packaging/completions/brokerctl.bash
	COMP_WORDS=(brokerctl sub) COMP_CWORD=1
	_brokerctl
	[ "${COMPREPLY[*]}" = submit ]
' || fail "bash does not complete sub to submit"
if command -v zsh >/dev/null; then
	zsh -n packaging/completions/_brokerctl || fail "zsh cannot read its completion"
else
	echo "skip   zsh is not here to read its completion"
	skipped=$((skipped + 1))
fi
if command -v fish >/dev/null; then
	fish -n packaging/completions/brokerctl.fish || fail "fish cannot read its completion"
else
	echo "skip   fish is not here to read its completion"
	skipped=$((skipped + 1))
fi

for page in packaging/man/*.[1-8]; do
	if target=$(sed -n 's/^\.so man[1-8]\///p' "$page") && [ -n "$target" ]; then
		[ -f "packaging/man/$target" ] || fail "$page leads to $target, which is not there"
	else
		mandoc -T lint -W warning "$page" || fail "$page is not clean"
	fi
done

# Exit codes that need no broker.
expect() {
	want=$1
	shift
	got=0
	"$ctl" --socket "$work/none" "$@" >"$work/out" 2>"$work/err" </dev/null || got=$?
	[ "$got" = "$want" ] || fail "brokerctl $*: exit $got instead of $want: $(cat "$work/err")"
}
expect 0 --help
expect 2
expect 2 nonsense
expect 2 status extra
expect 2 show
expect 2 show 0
expect 2 show -1
expect 2 show 12x
expect 2 pause 5x
expect 2 fetch
expect 2 jobs -s
expect 2 top
expect 2 top -i 0
expect 3 top --once
expect 3 top --once --json
expect 1 check "$work/nothing"
expect 1 pack "$work/nothing" -o "$work/x.tar"
for c in status why devices doctor jobs resume reload pause events; do
	expect 3 $c
	grep -q 'is brokerd running?' "$work/err" || fail "brokerctl $c does not tell what to do"
done
for c in show wait fetch logs cancel why events; do
	expect 3 $c 1
done
expect 0 version
COLUMNS=40 "$ctl" --help | awk 'length > 42 { exit 1 }' || fail "the help is too wide"

mkdir -p "$build/check"
echo "$((1 - bad)) $bad $skipped" >"$build/check/tools.count"
[ "$bad" = 0 ]
echo "check-tools: ok, $(wc -l <"$work/commands") commands"
