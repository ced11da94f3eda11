// Package listeners reads the sockets that wait for peers: TCP sockets that
// listen and UDP sockets that are bound and not connected, with the process
// that holds each. It asks the kernel over netlink (sock_diag(7)), or reads
// /proc/net where that is not to be had. It sees the sensor's own network
// namespace and no other: containers with a namespace of their own are not in
// it.
//
// A UDP client's socket looks like a server's. One on a port that the kernel
// hands out by itself (ip_local_port_range) therefore counts only once it has
// been there for half a minute; what is there at the first reading counts at
// once, since nobody knows how old it is.
//
// The package must never connect to anything or look into another process for
// more than the names of its sockets.
package listeners
