# Completion of picket-hub for bash, made from the command line itself; see Golden files in CONTRIBUTING.md.
_picket_hub() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} at= words= from= i
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case "$at ${COMP_WORDS[i]}" in
		' init' | ' serve' | ' check' | ' backup' | ' keys' | ' keys list' | ' keys add' | ' keys use' | ' keys retire') at+=" ${COMP_WORDS[i]}" ;;
		esac
	done
	# --flag=value is three words to bash.
	if [[ $word == = ]]; then word=; elif [[ $before == = ]]; then before=${COMP_WORDS[COMP_CWORD - 2]}; fi
	case "$at $before" in
	' init --dir' | ' serve --dir' | ' serve --rules' | ' serve --policies' | ' check --dir' | ' backup --dir' | ' keys list --dir' | ' keys add --dir' | ' keys use --dir' | ' keys retire --dir')
		from=-d
		;;
	' init --listen' | ' init --ui' | ' serve --listen' | ' serve --ui' | ' serve --advertise' | ' serve --host-actions' | ' serve --heartbeat' | ' serve --silent-after' | ' serve --learn-for' | ' serve --attest' | ' serve --attest-keep' | ' keys add --life')
		;;
	' backup --out')
		from=-f
		;;
	*)
		case $at in
		'')
			words='init serve check backup keys --help'
			;;
		' init')
			words='--dir --listen --ui --json --help'
			;;
		' serve')
			words='--dir --listen --ui --advertise --rules --policies --host-actions --heartbeat --silent-after --learn-for --attest --attest-keep --json --verbose --help'
			;;
		' check')
			words='--dir --json --help'
			;;
		' backup')
			words='--dir --out --json --help'
			;;
		' keys')
			words='list add use retire --help'
			;;
		' keys list')
			words='--dir --json --help'
			;;
		' keys add')
			words='--life --dir --json --help'
			words+=' token log evidence'
			;;
		' keys use')
			words='--force --dir --json --help'
			words+=' token log evidence tls'
			;;
		' keys retire')
			words='--stolen --force --dir --json --help'
			words+=' token log evidence'
			;;
		esac
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word"; [[ -z $from ]] || compgen "$from" -- "$word")
	[[ -z $from ]] || compopt -o filenames 2>/dev/null
}
complete -F _picket_hub picket-hub
