# Completion of picket-sensor for bash, see bash(1), Programmable Completion.
_picket_sensor() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} flags
	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		mapfile -t COMPREPLY < <(compgen -W 'doctor enroll help install run send trust uninstall version watch' -- "$word")
		return
	fi
	case $before in
	--config | --token-file)
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return
		;;
	--state)
		mapfile -t COMPREPLY < <(compgen -d -- "$word")
		return
		;;
	--launch)
		mapfile -t COMPREPLY < <(compgen -W 'sudo socket' -- "$word")
		return
		;;
	esac
	case ${COMP_WORDS[1]} in
	doctor) flags='--config --json' ;;
	enroll) flags='--config --state --token-file --json' ;;
	install) flags='--launch --token-file' ;;
	uninstall) flags='--keep-state --keep-files' ;;
	run | watch | send) flags='--config' ;;
	trust) flags='--token-file' ;;
	version) flags='--json' ;;
	help) flags='doctor enroll install run send trust uninstall version watch' ;;
	*) return ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$flags --help" -- "$word")
}
complete -F _picket_sensor picket-sensor
