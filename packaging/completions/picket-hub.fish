# Completion of picket-hub for fish, made from the command line itself; see Golden files in CONTRIBUTING.md.
function __picket_hub_at
    set -l at ''
    for word in (commandline -opc)[2..]
        switch "$at $word"
            case ' init' ' serve' ' check' ' backup'
                set at "$at $word"
        end
    end
    test "$at" = "$argv[1]"
end
complete -c picket-hub -f
complete -c picket-hub -l help -s h -d 'Say more'
complete -c picket-hub -n '__picket_hub_at ""' -a init -d 'Make a hub'\''s folder: identity, keys, database, first access token'
complete -c picket-hub -n '__picket_hub_at ""' -a serve -d 'Serve until told to stop'
complete -c picket-hub -n '__picket_hub_at ""' -a check -d 'Verify everything stored, from the signed bytes up'
complete -c picket-hub -n '__picket_hub_at ""' -a backup -d 'Copy the database into a new file, beside a running hub'
complete -c picket-hub -n '__picket_hub_at " init"' -l dir -x -a '(__fish_complete_directories)' -d 'Folder to make'
complete -c picket-hub -n '__picket_hub_at " init"' -l listen -x -d 'Address for sensors and clients, host:port (default 127.0.0.1:7443)'
complete -c picket-hub -n '__picket_hub_at " init"' -l ui -x -d 'Address of the web page, host:port, or off (default 127.0.0.1:7444)'
complete -c picket-hub -n '__picket_hub_at " init"' -l json -d 'Print one JSON document'
complete -c picket-hub -n '__picket_hub_at " serve"' -l dir -x -a '(__fish_complete_directories)' -d 'Folder that init made'
complete -c picket-hub -n '__picket_hub_at " serve"' -l listen -x -d 'Address for sensors and clients, host:port (default: what init was given)'
complete -c picket-hub -n '__picket_hub_at " serve"' -l ui -x -d 'Address of the web page, host:port, or off (default: what init was given)'
complete -c picket-hub -n '__picket_hub_at " serve"' -l advertise -x -d 'Address that enrollment tokens name, host:port (default: the one listened on)'
complete -c picket-hub -n '__picket_hub_at " serve"' -l rules -x -a '(__fish_complete_directories)' -d 'Folder of rules, reloaded when it changes (default: the rules that Picket ships)'
complete -c picket-hub -n '__picket_hub_at " serve"' -l policies -x -a '(__fish_complete_directories)' -d 'Folder of response policies, read again when it changes (default: the policies that Picket ships, which only record)'
complete -c picket-hub -n '__picket_hub_at " serve"' -l host-actions -x -d 'How often policies act by themselves on one host within an hour, all together (default 30)'
complete -c picket-hub -n '__picket_hub_at " serve"' -l heartbeat -x -d 'How often a healthy sensor is heard (default 15s)'
complete -c picket-hub -n '__picket_hub_at " serve"' -l silent-after -x -d 'How long nothing may be heard of a host (default: two heartbeats)'
complete -c picket-hub -n '__picket_hub_at " serve"' -l learn-for -x -d 'How long after its enrollment a host'\''s first times mean nothing (default 24h)'
complete -c picket-hub -n '__picket_hub_at " serve"' -l attest -x -d 'How often each host'\''s wrapper, which is root'\''s, is asked to hash the sensor; 0 means only when a person asks (default 1h)'
complete -c picket-hub -n '__picket_hub_at " serve"' -l json -d 'Print the ready line as JSON'
complete -c picket-hub -n '__picket_hub_at " serve"' -l verbose -s v -d 'Log more'
complete -c picket-hub -n '__picket_hub_at " check"' -l dir -x -a '(__fish_complete_directories)' -d 'Folder of the hub'
complete -c picket-hub -n '__picket_hub_at " check"' -l json -d 'Print one JSON document a fault, and a summary at the end'
complete -c picket-hub -n '__picket_hub_at " backup"' -l dir -x -a '(__fish_complete_directories)' -d 'Folder of the hub'
complete -c picket-hub -n '__picket_hub_at " backup"' -l out -r -F -d 'File to make'
complete -c picket-hub -n '__picket_hub_at " backup"' -l json -d 'Print one JSON document'
