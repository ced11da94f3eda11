// Package link is the Unix socket between the two processes of the sensor: the
// one that reads the host and cannot talk, and the one that talks and cannot
// read.
//
// The watching process listens. It has the greater rights, so it follows no
// path that the other could lay out for it: the socket is in a folder of its
// own, which the sender may only enter. Either may start first; the sender
// connects, and again after every end, with waits that double. Each side
// checks by SO_PEERCRED (unix(7)) that the other runs as the user that the
// configuration names, before it reads a byte.
//
// The messages are a closed set. Facts go from the watcher to the sender; back
// go what it has taken and orders (watch.Order: look or tell again); and either
// says goodbye. There is no message that names a file to read, and none that sets
// anything. A parcel of facts stays with the watcher until the sender has said
// that it took it, so that a broken connection neither loses nor doubles any.
//
// Neither side trusts the other. The package must never block a collector,
// spend memory that the other side asked for before it has checked the amount,
// or lose facts without counting them.
package link
