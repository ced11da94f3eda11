//go:build linux

package main

const installUsage = `picket-sensor install - set this host up as root

Usage:
  picket-sensor install [--launch sudo|socket] [--token-file FILE]

Puts units, users and folders in place, the wrapper's key, whom it trusts and
what it may do, enrolls the host as the user picket, starts both halves of the
sensor, and has the wrapper answer once. Each step can be done again: what is
there as it should be stays, and so do the host policy, the identity and all of
the configuration but the launch.

The enrollment token comes from standard input or --token-file, and is not
asked for on a host that is enrolled. The trust store is asked of the hub whose
key the token pins.

Flags:
  --launch sudo      the sender starts the wrapper through sudo, which works with
                     any init; this is the default
  --launch socket    it writes to the socket of a root unit, and keeps its whole
                     sandbox. Run again to change from one to the other
  --token-file FILE  read the token from FILE; without it, from standard input

Files:
  /etc/picket/sensor.json        what the sensor is told
  /etc/picket/host-policy.json   what may be done on this host: yours to change
  /etc/picket/trust/             whom the wrapper believes, and which host this is
  /etc/sudoers.d/picket          two commands, checked by visudo; not with socket
  /var/lib/picket                the sender's identity
  /var/lib/picket-wrapper        the wrapper's key, journal and receipts
`

const uninstallUsage = `picket-sensor uninstall - take back what install did, as root

Usage:
  picket-sensor uninstall [--keep-state] [--keep-files]

Stops the sensor, takes back what emergency actions have put in force, and
removes sudoers, units, users, configuration, identity and the wrapper's state.
The programs are removed by whoever put them there.

Flags:
  --keep-state  keep configuration, identity, the users, the wrapper's state and
                what is in force: the timer still ends that
  --keep-files  keep units, and the lists of users and folders: a package has
                them
`
