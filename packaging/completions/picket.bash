# Completion of picket for bash, made from the command line itself; see Golden files in CONTRIBUTING.md.
_picket() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} at= words= from= i
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case "$at ${COMP_WORDS[i]}" in
		' up' | ' demo' | ' alerts' | ' alerts list' | ' alerts show' | ' alerts follow' | ' alerts export' | ' hosts' | ' hosts list' | ' hosts show' | ' hosts disable' | ' hosts enable' | ' hosts approve' | ' hosts attest' | ' hosts wrapper-key' | ' hosts label' | ' facts' | ' facts query' | ' facts follow' | ' enroll' | ' enroll token' | ' access' | ' access list' | ' access new' | ' access revoke' | ' eat' | ' eat issue' | ' eat list' | ' eat show' | ' eat approve' | ' eat reject' | ' eat undo' | ' eat evidence' | ' eat verify' | ' eat pause' | ' eat resume' | ' eat policies' | ' eat operators' | ' eat operators list' | ' eat operators add' | ' eat operators remove' | ' eat operators trust' | ' eat key' | ' audit' | ' audit verify' | ' audit export' | ' verify' | ' rules' | ' rules lint' | ' rules test' | ' rules explain' | ' rules coverage' | ' rules bench' | ' rules docs' | ' rules schema' | ' rules replay' | ' rules promote' | ' rules shadow' | ' rules filters' | ' rules enable' | ' rules convert' | ' rules convert sigma' | ' canary' | ' canary plant' | ' canary list' | ' canary remove' | ' version') at+=" ${COMP_WORDS[i]}" ;;
		esac
	done
	# --flag=value is three words to bash.
	if [[ $word == = ]]; then word=; elif [[ $before == = ]]; then before=${COMP_WORDS[COMP_CWORD - 2]}; fi
	case "$at $before" in
	' up --dir' | ' up --rules' | ' demo --rules' | ' alerts list --dir' | ' alerts show --dir' | ' alerts follow --dir' | ' alerts export --dir' | ' hosts list --dir' | ' hosts show --dir' | ' hosts disable --dir' | ' hosts enable --dir' | ' hosts approve --dir' | ' hosts attest --dir' | ' hosts wrapper-key --dir' | ' hosts label --dir' | ' facts query --dir' | ' facts follow --dir' | ' enroll token --dir' | ' access list --dir' | ' access new --dir' | ' access revoke --dir' | ' eat issue --dir' | ' eat list --dir' | ' eat show --dir' | ' eat approve --dir' | ' eat reject --dir' | ' eat undo --dir' | ' eat evidence --dir' | ' eat pause --dir' | ' eat resume --dir' | ' eat policies --check' | ' eat policies --dir' | ' eat operators list --dir' | ' eat operators add --dir' | ' eat operators remove --dir' | ' eat operators trust --dir' | ' audit verify --dir' | ' audit export --dir' | ' rules lint --policies' | ' rules explain --rules' | ' rules explain --dir' | ' rules coverage --dir' | ' rules replay --rules' | ' rules replay --against' | ' rules replay --dir' | ' rules promote --rules' | ' rules promote --dir' | ' rules shadow --dir' | ' rules filters --dir' | ' rules enable --dir' | ' rules convert sigma --out' | ' canary plant --home')
		from=-d
		;;
	' up --listen' | ' alerts list --severity' | ' alerts list --host' | ' alerts list --rule' | ' alerts list --since' | ' alerts list --until' | ' alerts list --limit' | ' alerts list --after' | ' alerts list --hub' | ' alerts show --hub' | ' alerts follow --severity' | ' alerts follow --host' | ' alerts follow --rule' | ' alerts follow --since' | ' alerts follow --until' | ' alerts follow --after' | ' alerts follow --hub' | ' alerts export --hub' | ' hosts list --hub' | ' hosts show --kind' | ' hosts show --hub' | ' hosts disable --hub' | ' hosts enable --hub' | ' hosts approve --hub' | ' hosts attest --hub' | ' hosts wrapper-key --hub' | ' hosts label --hub' | ' facts query --host' | ' facts query --kind' | ' facts query --since' | ' facts query --until' | ' facts query --limit' | ' facts query --after' | ' facts query --hub' | ' facts follow --host' | ' facts follow --kind' | ' facts follow --since' | ' facts follow --until' | ' facts follow --after' | ' facts follow --hub' | ' enroll token --hub' | ' enroll token --ttl' | ' enroll token --uses' | ' enroll token --name' | ' access list --hub' | ' access new --name' | ' access new --hub' | ' access revoke --hub' | ' eat issue --args' | ' eat issue --reason' | ' eat issue --signatures' | ' eat issue --hub' | ' eat list --state' | ' eat list --host' | ' eat list --limit' | ' eat list --hub' | ' eat show --hub' | ' eat approve --reason' | ' eat approve --hub' | ' eat reject --reason' | ' eat reject --hub' | ' eat undo --reason' | ' eat undo --signatures' | ' eat undo --hub' | ' eat evidence --reason' | ' eat evidence --signatures' | ' eat evidence --hub' | ' eat pause --reason' | ' eat pause --hub' | ' eat resume --hub' | ' eat policies --hub' | ' eat operators list --hub' | ' eat operators add --hub' | ' eat operators remove --hub' | ' eat operators trust --hub' | ' eat key --key' | ' audit verify --hub' | ' audit export --hub' | ' verify --host-key' | ' verify --wrapper-key' | ' rules explain --at' | ' rules explain --hub' | ' rules coverage --window' | ' rules coverage --hub' | ' rules bench --time' | ' rules replay --from' | ' rules replay --top' | ' rules replay --to' | ' rules replay --learn' | ' rules replay --hub' | ' rules promote --from' | ' rules promote --to' | ' rules promote --learn' | ' rules promote --hub' | ' rules shadow --hub' | ' rules filters --hub' | ' rules enable --hub' | ' rules convert sigma --source' | ' rules convert sigma --source-url' | ' rules convert sigma --licence')
		;;
	' alerts list --token-file' | ' alerts show --token-file' | ' alerts follow --token-file' | ' alerts export -o' | ' alerts export --output' | ' alerts export --token-file' | ' hosts list --token-file' | ' hosts show --token-file' | ' hosts disable --token-file' | ' hosts enable --token-file' | ' hosts approve --token-file' | ' hosts attest --token-file' | ' hosts wrapper-key --token-file' | ' hosts label --token-file' | ' facts query --token-file' | ' facts follow --token-file' | ' enroll token --token-file' | ' access list --token-file' | ' access new --token-file' | ' access revoke --token-file' | ' eat issue --key' | ' eat issue --trust' | ' eat issue --token-file' | ' eat list --token-file' | ' eat show --token-file' | ' eat approve --key' | ' eat approve --trust' | ' eat approve --token-file' | ' eat reject --token-file' | ' eat undo --key' | ' eat undo --trust' | ' eat undo --token-file' | ' eat evidence -o' | ' eat evidence --out' | ' eat evidence --token-file' | ' eat verify --trust' | ' eat pause --token-file' | ' eat resume --token-file' | ' eat policies --token-file' | ' eat operators list --token-file' | ' eat operators add --token-file' | ' eat operators remove --token-file' | ' eat operators trust --token-file' | ' audit verify --checkpoint' | ' audit verify --log' | ' audit verify --trust' | ' audit verify --token-file' | ' audit export --token-file' | ' verify --trust' | ' rules test --junit' | ' rules explain --token-file' | ' rules coverage --navigator' | ' rules coverage --token-file' | ' rules bench --facts' | ' rules replay --facts' | ' rules replay --token-file' | ' rules promote --facts' | ' rules promote --token-file' | ' rules shadow --token-file' | ' rules filters --token-file' | ' rules enable --token-file' | ' rules convert sigma --placeholders' | ' canary plant --manifest' | ' canary plant --config' | ' canary list --manifest' | ' canary remove --manifest' | ' canary remove --config')
		from=-f
		;;
	' rules lint --format')
		words='text json sarif github'
		;;
	' rules docs --format')
		words='markdown json'
		;;
	*)
		case $at in
		'')
			words='up demo alerts hosts facts enroll access eat audit verify rules canary version --help'
			;;
		' up')
			words='--dir --listen --rules --json --help'
			;;
		' demo')
			words='--rules --json --help'
			;;
		' alerts')
			words='list show follow export --help'
			;;
		' alerts list')
			words='--severity --host --rule --since --until --shadow --limit --after --dir --hub --token-file --json --help'
			;;
		' alerts show')
			words='--duplicates --dir --hub --token-file --json --help'
			;;
		' alerts follow')
			words='--severity --host --rule --since --until --shadow --after --more --dir --hub --token-file --json --help'
			;;
		' alerts export')
			words='--output --dir --hub --token-file --json --help'
			;;
		' hosts')
			words='list show disable enable approve attest wrapper-key label --help'
			;;
		' hosts list')
			words='--dir --hub --token-file --json --help'
			;;
		' hosts show')
			words='--kind --dir --hub --token-file --json --help'
			;;
		' hosts disable')
			words='--dir --hub --token-file --json --help'
			;;
		' hosts enable')
			words='--dir --hub --token-file --json --help'
			;;
		' hosts approve')
			words='--dir --hub --token-file --json --help'
			;;
		' hosts attest')
			words='--dir --hub --token-file --json --help'
			;;
		' hosts wrapper-key')
			words='--dir --hub --token-file --json --help'
			;;
		' hosts label')
			words='--dir --hub --token-file --json --help'
			;;
		' facts')
			words='query follow --help'
			;;
		' facts query')
			words='--host --kind --since --until --limit --after --dir --hub --token-file --json --help'
			;;
		' facts follow')
			words='--host --kind --since --until --after --dir --hub --token-file --json --help'
			;;
		' enroll')
			words='token --help'
			;;
		' enroll token')
			words='--dir --hub --token-file --json --ttl --uses --name --help'
			;;
		' access')
			words='list new revoke --help'
			;;
		' access list')
			words='--dir --hub --token-file --json --help'
			;;
		' access new')
			words='--name --dir --hub --token-file --json --help'
			;;
		' access revoke')
			words='--dir --hub --token-file --json --help'
			;;
		' eat')
			words='issue list show approve reject undo evidence verify pause resume policies operators key --help'
			;;
		' eat issue')
			words='--args --reason --signatures --break-glass --key --agent --trust --yes --dir --hub --token-file --json --help'
			;;
		' eat list')
			words='--state --host --limit --scheduled --dir --hub --token-file --json --help'
			;;
		' eat show')
			words='--envelope --dir --hub --token-file --json --help'
			;;
		' eat approve')
			words='--break-glass --reason --key --agent --trust --yes --dir --hub --token-file --json --help'
			;;
		' eat reject')
			words='--reason --dir --hub --token-file --json --help'
			;;
		' eat undo')
			words='--reason --signatures --key --agent --trust --yes --dir --hub --token-file --json --help'
			;;
		' eat evidence')
			words='--out --again --reason --signatures --dir --hub --token-file --json --help'
			;;
		' eat verify')
			words='--trust --json --help'
			[[ $word == -* ]] || from=-f
			;;
		' eat pause')
			words='--reason --dir --hub --token-file --json --help'
			;;
		' eat resume')
			words='--dir --hub --token-file --json --help'
			;;
		' eat policies')
			words='--check --dir --hub --token-file --json --help'
			;;
		' eat operators')
			words='list add remove trust --help'
			;;
		' eat operators list')
			words='--dir --hub --token-file --json --help'
			;;
		' eat operators add')
			words='--dir --hub --token-file --json --help'
			;;
		' eat operators remove')
			words='--dir --hub --token-file --json --help'
			;;
		' eat operators trust')
			words='--dir --hub --token-file --json --help'
			;;
		' eat key')
			words='--agent --key --json --help'
			[[ $word == -* ]] || from=-f
			;;
		' audit')
			words='verify export --help'
			;;
		' audit verify')
			words='--checkpoint --log --trust --dir --hub --token-file --json --help'
			;;
		' audit export')
			words='--checkpoint --dir --hub --token-file --json --help'
			;;
		' verify')
			words='--trust --host-key --wrapper-key --json --help'
			[[ $word == -* ]] || from=-f
			;;
		' rules')
			words='lint test explain coverage bench docs schema replay promote shadow filters enable convert --help'
			;;
		' rules lint')
			words='--json --policies --format --help'
			[[ $word == -* ]] || from=-d
			;;
		' rules test')
			words='--json --verbose --coverage --junit --help'
			[[ $word == -* ]] || from=-d
			;;
		' rules explain')
			words='--rules --at --dir --hub --token-file --json --help'
			;;
		' rules coverage')
			words='--navigator --window --dir --hub --token-file --json --help'
			;;
		' rules bench')
			words='--json --facts --time --help'
			[[ $word == -* ]] || from=-d
			;;
		' rules docs')
			words='--format --json --help'
			;;
		' rules schema')
			words='--help'
			words+=' rule list macro filter pack test'
			;;
		' rules replay')
			words='--rules --from --against --top --to --facts --learn --dir --hub --token-file --json --help'
			;;
		' rules promote')
			words='--rules --from --without-replay --yes --to --facts --learn --dir --hub --token-file --json --help'
			;;
		' rules shadow')
			words='--all --dir --hub --token-file --json --help'
			;;
		' rules filters')
			words='--dir --hub --token-file --json --help'
			;;
		' rules enable')
			words='--dir --hub --token-file --json --help'
			;;
		' rules convert')
			words='sigma --help'
			;;
		' rules convert sigma')
			words='--out --force --placeholders --source --source-url --licence --json --help'
			[[ $word == -* ]] || from=-f
			;;
		' canary')
			words='plant list remove --help'
			;;
		' canary plant')
			words='--manifest --json --config --home --help'
			;;
		' canary list')
			words='--manifest --json --help'
			;;
		' canary remove')
			words='--manifest --json --all --config --force --help'
			;;
		' version')
			words='--json --help'
			;;
		esac
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word"; [[ -z $from ]] || compgen "$from" -- "$word")
	[[ -z $from ]] || compopt -o filenames 2>/dev/null
}
complete -F _picket picket
