// Package connector hears from the kernel of every process that forks,
// executes, changes its user or ends, as it happens: the netlink process
// connector. The kernel tells only listeners in its initial pid and user
// namespaces; from version 6.6 on to everybody there, before that to those with
// CAP_NET_ADMIN.
//
// Anybody may send to a netlink socket, and on kernels before 6.6 any other
// listener with CAP_NET_ADMIN can turn the connector off for all. So the
// package takes only what the kernel itself sent, says what it turned away, and
// must never be believed to live because it once did: whoever listens has to
// make it speak now and then.
package connector
