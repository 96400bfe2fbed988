# SPDX-License-Identifier: MIT
# fish completion for brokerctl
function __brokerctl_ids
	brokerctl jobs 2>/dev/null | awk 'NR > 1 { print $1 }'
end

complete -c brokerctl -f
complete -c brokerctl -l json -d 'print the reply as JSON'
complete -c brokerctl -l socket -r -F -d 'socket of the broker'
complete -c brokerctl -s h -l help -d usage
complete -c brokerctl -n __fish_use_subcommand -a status -d 'what the broker does, in a few lines'
complete -c brokerctl -n __fish_use_subcommand -a why -d 'why jobs run, or why not: the gate\'s holds'
complete -c brokerctl -n __fish_use_subcommand -a events -d 'print changes of the gate and of jobs as they come'
complete -c brokerctl -n __fish_use_subcommand -a devices -d 'the devices that can be lent'
complete -c brokerctl -n __fish_use_subcommand -a top -d 'who uses the devices now, jobs, heat and battery'
complete -c brokerctl -n __fish_use_subcommand -a doctor -d 'where each fact comes from, and what is wrong'
complete -c brokerctl -n __fish_use_subcommand -a pack -d 'check a bundle and make a tar file of it'
complete -c brokerctl -n __fish_use_subcommand -a check -d 'check a bundle without handing it in'
complete -c brokerctl -n __fish_use_subcommand -a submit -d 'hand in jobs'
complete -c brokerctl -n __fish_use_subcommand -a jobs -d 'list jobs'
complete -c brokerctl -n __fish_use_subcommand -a show -d 'all about one job'
complete -c brokerctl -n __fish_use_subcommand -a wait -d 'wait for a job\'s end, with its progress'
complete -c brokerctl -n __fish_use_subcommand -a fetch -d 'get the outputs of a job'
complete -c brokerctl -n __fish_use_subcommand -a logs -d 'what was logged about a job'
complete -c brokerctl -n __fish_use_subcommand -a cancel -d 'end jobs'
complete -c brokerctl -n __fish_use_subcommand -a pause -d 'close the gate, for 90s, 10m, 1h30m … or until resume'
complete -c brokerctl -n __fish_use_subcommand -a resume -d 'end a pause'
complete -c brokerctl -n __fish_use_subcommand -a reload -d 'read the configuration again'
complete -c brokerctl -n __fish_use_subcommand -a version -d 'versions of brokerctl and of the broker'
complete -c brokerctl -n '__fish_seen_subcommand_from top' -l once -d 'one sample as text'
complete -c brokerctl -n '__fish_seen_subcommand_from top' -s i -l interval -x -d 'time between samples'
complete -c brokerctl -n '__fish_seen_subcommand_from top' -l ascii -d 'no block characters'
complete -c brokerctl -n '__fish_seen_subcommand_from pack' -s o -l output -r -F -d 'tar file'
complete -c brokerctl -n '__fish_seen_subcommand_from submit' -s q -l quiet -d 'print the id alone'
complete -c brokerctl -n '__fish_seen_subcommand_from submit' -s w -l wait -d 'wait for the end'
complete -c brokerctl -n '__fish_seen_subcommand_from jobs' -s s -l state -x -a 'queued running done failed cancelled' -d 'only these'
complete -c brokerctl -n '__fish_seen_subcommand_from fetch' -s o -l output -r -F -d 'directory'
complete -c brokerctl -n '__fish_seen_subcommand_from fetch' -s f -l force -d 'replace files'
complete -c brokerctl -n '__fish_seen_subcommand_from pack check submit' -F
complete -c brokerctl -n '__fish_seen_subcommand_from why events show wait fetch logs cancel' -a '(__brokerctl_ids)'
