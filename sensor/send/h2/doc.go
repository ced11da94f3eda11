// Package h2 is a client of HTTP/2 (RFC 9113) for one connection that is open,
// encrypted and trusted already. It does what the sensor needs, short requests
// and short answers, and sends pings so that a dead peer shows.
//
// It is here for its size: net/http would make up a sixth of the sensor, most
// of it for what the sensor must never do, which is to follow redirects, ask a
// proxy, keep cookies, fall back to HTTP/1, or choose a host by itself.
//
// The package must never dial, retry a request, or hold more of an answer in
// memory than its bound, whatever the peer sends.
package h2
