# SPDX-License-Identifier: MIT
# bash completion for brokerctl
_brokerctl_ids()
{
	brokerctl "${socket[@]}" jobs 2>/dev/null | awk 'NR > 1 { print $1 }'
}

_brokerctl()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} cmd='' i
	local commands='status why events devices top doctor pack check submit jobs show wait fetch
		logs cancel pause resume reload version'
	local common='--json --socket --help' options=''
	local -a socket=()

	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--socket)
			socket=(--socket "${COMP_WORDS[i + 1]}")
			((i++))
			;;
		-*) ;;
		*) [ -n "$cmd" ] || cmd=${COMP_WORDS[i]} ;;
		esac
	done
	case $cmd in
	top) options='--once --interval --ascii' ;;
	pack) options='--output' ;;
	submit) options='--quiet --wait' ;;
	jobs) options='--state' ;;
	fetch) options='--output --force' ;;
	esac
	case $prev in
	--socket | -o | --output)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	-s | --state)
		mapfile -t COMPREPLY < <(compgen -W 'queued running done failed cancelled' -- "$cur")
		return
		;;
	esac
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$common $options" -- "$cur")
		return
	fi
	case $cmd in
	'') mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$cur") ;;
	pack | check | submit) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
	why | events | show | wait | fetch | logs | cancel)
		mapfile -t COMPREPLY < <(compgen -W "$(_brokerctl_ids)" -- "$cur")
		;;
	esac
}
complete -o filenames -F _brokerctl brokerctl
