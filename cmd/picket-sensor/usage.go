package main

// What help prints. Kept by hand: a flag library that writes it costs the
// sensor a megabyte.
const usage = `picket-sensor - watch this host and send what it does, signed, to a hub

Usage:
  picket-sensor enroll (--config FILE | --state DIR) [--token-file FILE] [--json]
  picket-sensor install [--launch sudo|socket] [--token-file FILE]
  picket-sensor uninstall [--keep-state] [--keep-files]
  picket-sensor run --config FILE
  picket-sensor watch --config FILE
  picket-sensor send --config FILE
  picket-sensor trust [--token-file FILE]
  picket-sensor doctor [--config FILE] [--json]
  picket-sensor version [--json]
  picket-sensor help [doctor | enroll | install | uninstall | run | watch | send | trust | version]

The sensor needs no root. It runs as one process (run), or as two that share
their work (watch, send): then the one that may read the host holds no key and
no network, and the one that talks to the hub may read nothing. What it may not
see, it says; doctor says how it could see more. It sends facts about processes,
canary files, its own files, what is installed and configured, who logs in, and
the load of the machine; each batch is signed with a key that never leaves this
host, and is sent again until the hub has acknowledged it. What the sensor had to drop, it counts and tells.

A first session:

  $ picket enroll token > token                  # on the hub's machine
  $ cat sensor.json                              # here
  {
    "state_dir": "/var/lib/picket",
    "canaries": [{"id": "aws", "path": "/root/.aws/credentials"}]
  }
  $ picket-sensor enroll --config sensor.json --token-file token
  enrolled as h_dblxk2v7ks2m5x4qbsjuhqv2dq at hub u_5z2bq... (hub.example:7443)
  $ picket-sensor run --config sensor.json

Exit status:
  0  done
  1  the answer is no: the hub refused, was not reached, or is not the pinned one
  2  wrong use or broken input: a flag, the configuration, the state folder
`

const enrollUsage = `picket-sensor enroll - make this host known to a hub

Usage:
  picket-sensor enroll (--config FILE | --state DIR) [--token-file FILE] [--json]

Reads a one-time token, checks that the server it names has the key that it
pins, and only then sends it. Makes the host's key and stores the identity in
the state folder, which only its owner can enter. Can be run again if it was
cut off; never replaces an identity that is complete.

The token comes from standard input, or from --token-file. It is refused on the
command line, where everyone on the machine can read it.

Flags:
  --config FILE      take the state folder from this configuration
  --state DIR        the state folder, where there is no configuration yet
  --token-file FILE  read the token from FILE; without it, from standard input
  --json             print one JSON document: host, hub, address, state

Examples:
  picket-sensor enroll --state /var/lib/picket < token
  ssh hub picket enroll token | picket-sensor enroll --config /etc/picket/sensor.json

Files, in the state folder:
  host.key           the host's private key (PKCS #8, Ed25519), mode 0600
  identity.json      the ids of host and hub, the hub's addresses and keys
  lock               held while a picket-sensor uses the folder

To start over as a new host: disable the old one at the hub, remove host.key
and identity.json, and enroll with a new token. Before making an image of a
machine, remove both, or all its copies are one host.
`

const runUsage = `picket-sensor run - watch this host until told to stop

Usage:
  picket-sensor run --config FILE

Runs until SIGINT or SIGTERM, then says goodbye to the hub and sends what still
waits, for 2 seconds at most. Logs to standard error, one event a line; prints
nothing on standard output. Only one picket-sensor can use a state folder.

Flags:
  --config FILE      the configuration, a JSON document

Configuration, the same file for run, watch and send; all but state_dir may be
left out, and watch needs not even that:
  state_dir          the folder that enroll made; relative to the file
  addresses          the hub's addresses, host:port, tried in turn;
                     default: the one of the enrollment
  canaries           files to watch: [{"id": NAME, "path": PATH}, ...]
  heartbeat          time between signs of life (15s)
  scan_interval      time between looks at the processes (1s)
  metric_interval    time between samples of the load (15s)
  inventory_interval time between readings of what is installed (1m), where
                     no change calls for one sooner
  watch_files        files and folders whose changes are told: [{"path": PATH,
                     "recursive": BOOL, "exclude": [PATTERN, ...], "max_files":
                     N}, ...]; default: a set that decides how the host is
                     entered and what it runs
  own_files          the files that Picket consists of: [{"role": ROLE, "path":
                     PATTERN}, ...]; default: those that its packages install
  log_level          debug, info, warn or error (info)
  queue.facts        facts that wait at most (1000)
  queue.bytes        and what they take at most (4194304)
  queue.reserved_facts, queue.reserved_bytes
                     of these, for critical facts alone (256, 1048576)
  send.flush_after   how long a fact waits for company (1s)
  send.retry_min, send.retry_max
                     bounds of the wait after a failure (100ms, 30s)
  send.retry_refused the wait after the hub said no to this host (30s)
  launch             how emergency actions reach the wrapper that carries them
                     out: sudo, socket or none (none: none are asked for)
  link.socket        where watch and send meet (/run/picket-watch/facts.sock)
  link.watcher, link.sender
                     the users they run as (picket-watch, picket)

Times are written as in "15s", "500ms" or "1m30s". A name that does not exist
is an error.
`

const watchUsage = `picket-sensor watch - watch this host for picket-sensor send

Usage:
  picket-sensor watch --config FILE

Reads the host and hands facts to the sending process, over the socket
link.socket, on which it listens. It holds no key and needs no network; give it
the right to read (CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH) and nothing else, as the
unit picket-watch.service does. Only the user link.sender is served, and that
can have it tell an inventory again: there is no other message.

While the sender is away, facts wait: 1,000 of them, 1 MiB at most. What goes
then is counted and told. Runs until SIGINT or SIGTERM, then hands over what
still waits, for 2 seconds at most. Logs to standard error.

Flags:
  --config FILE      the configuration; picket-sensor help run describes it.
                     It may be the sender's too: state_dir is not looked at
`

const sendUsage = `picket-sensor send - send what picket-sensor watch sees

Usage:
  picket-sensor send --config FILE

Takes facts from the watching process, over the socket link.socket, signs them
and sends them to the hub. It reads no file of the host but its own, and needs
no right beyond the network. Facts are taken only from the user link.watcher.
Either process may start first. Where no watcher is connected for longer than a
heartbeat, the hub is told that nobody watches.

Runs until SIGINT or SIGTERM, then says goodbye to the hub and sends what still
waits, for 2 seconds at most. Logs to standard error. Only one picket-sensor can
use a state folder.

Flags:
  --config FILE      the configuration; picket-sensor help run describes it
`

const versionUsage = `picket-sensor version - print which build this is

Usage:
  picket-sensor version [--json]
`
