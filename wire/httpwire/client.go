// Package httpwire is the wire over net/http: how clients and tests reach a hub,
// and how a hub says no. The sensor speaks HTTP/2 through a client of its own
// and must never link this package, which would cost it half a megabyte.
package httpwire

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"picket.internal/envelope"
	"picket.internal/wire"
)

// How long the steps of a connection may take. A request as a whole is bounded
// by its context: some answers are streams.
const (
	dialTimeout      = 10 * time.Second
	handshakeTimeout = 10 * time.Second
	pingAfter        = 15 * time.Second // of silence, so that a dead path shows
	pingTimeout      = 10 * time.Second
)

// NewClient is how a client reaches a hub: HTTP/2 over pinned
// TLS 1.3, without proxy, redirect, cookie or compression. The zero key is for
// clients that show a bearer token instead.
func NewClient(pins []wire.Pin, key envelope.PrivateKey) *http.Client {
	config := wire.ClientConfig(pins, key)
	config.NextProtos = []string{"h2"}
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	return &http.Client{
		Transport: &http.Transport{
			Proxy: nil, // also where the environment names one
			DialTLSContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				return dial(ctx, network, address, config)
			},
			Protocols:              protocols,
			DisableCompression:     true,
			IdleConnTimeout:        90 * time.Second,
			ResponseHeaderTimeout:  time.Minute,
			MaxResponseHeaderBytes: 16 << 10,
			HTTP2:                  &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout},
		},
		CheckRedirect: func(req *http.Request, _ []*http.Request) error {
			return &wire.Error{ID: wire.ErrRedirectRefused.ID, Detail: fmt.Sprintf("to %.200q", req.URL.Redacted())}
		},
	}
}

// dial connects and shakes hands, so that nothing of a request is sent before
// the hub has proved its key.
func dial(ctx context.Context, network, address string, config *tls.Config) (net.Conn, error) {
	dialer := net.Dialer{Timeout: dialTimeout}
	plain, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	conn := tls.Client(plain, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		plain.Close()
		return nil, handshakeError(err)
	}
	return conn, nil
}

// handshakeError gives a peer that cannot speak TLS 1.3 its id; crypto/tls tells
// so in words only.
func handshakeError(err error) error {
	if strings.Contains(err.Error(), "protocol version") {
		return &wire.Error{ID: wire.ErrTLSVersion.ID, Detail: fmt.Sprintf("the server does not speak TLS 1.3: %v", err)}
	}
	return err
}
