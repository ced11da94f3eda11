# Completion of picket-sensor for fish, see complete(1).
complete -c picket-sensor -f
set -l commands doctor enroll help install run send trust uninstall version watch
for command in $commands
	complete -c picket-sensor -n __fish_use_subcommand -a $command
end
complete -c picket-sensor -n '__fish_seen_subcommand_from doctor enroll run send watch' -l config -r -F
complete -c picket-sensor -n '__fish_seen_subcommand_from enroll' -l state -r -a '(__fish_complete_directories)'
complete -c picket-sensor -n '__fish_seen_subcommand_from enroll install trust' -l token-file -r -F
complete -c picket-sensor -n '__fish_seen_subcommand_from install' -l launch -r -a 'sudo socket'
complete -c picket-sensor -n '__fish_seen_subcommand_from uninstall' -l keep-state
complete -c picket-sensor -n '__fish_seen_subcommand_from uninstall' -l keep-files
complete -c picket-sensor -n '__fish_seen_subcommand_from doctor enroll version' -l json
complete -c picket-sensor -n '__fish_seen_subcommand_from help' -a "$commands"
