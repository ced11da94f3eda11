// Package client speaks the hub's HTTP API for programs of people: commands,
// scripts, anything with an access token.
//
// It trusts the hub by the keys that the token pins and by nothing else: no
// certificate authority, no proxy, no redirect. It must never send a token to
// a server that has not proved one of these keys, and never print anything;
// its errors say what to do next and leave the showing to others.
package client

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"picket.internal/envelope"
	"picket.internal/wire"
	"picket.internal/wire/httpwire"
)

// Options says which hub and who asks.
type Options struct {
	// Token is the access token. Nil means the one of the profile.
	Token *wire.AccessToken
	// Profile is the folder whose profile.json holds the token; it is only
	// read where Token is nil. Empty means DefaultDir.
	Profile string
	// HubURL is where to reach the hub, as in https://hub.example:7443. Empty
	// means the address in the token. The pins are the token's either way.
	HubURL string
	// Reconnecting is called by the Follow methods when a stream broke and is
	// to be taken up again after a while. Nil means that nobody is told.
	Reconnecting func(cause error, after time.Duration)
	// Backoff is the longest wait before a broken stream is taken up again the
	// first time; each failure doubles it, up to forty times as long. Empty
	// means 250 ms.
	Backoff time.Duration
}

// Client is a connection to one hub. Its methods may be called by many
// goroutines at once.
type Client struct {
	base         string // https://host:port
	bearer       string
	http         *http.Client
	reconnecting func(error, time.Duration)
	backoff      time.Duration
}

// New prepares a client; nothing is sent before the first question.
func New(o Options) (*Client, error) {
	token := o.Token
	if token == nil {
		dir := o.Profile
		if dir == "" {
			dir = DefaultDir()
		}
		profile, err := LoadProfile(dir)
		if err != nil {
			return nil, err
		}
		token = profile.Token
	}
	base := "https://" + token.Address
	if o.HubURL != "" {
		var err error
		if base, err = parseHubURL(o.HubURL); err != nil {
			return nil, err
		}
	}
	c := &Client{
		base:         base,
		bearer:       "Bearer " + token.String(),
		http:         httpwire.NewClient(token.Pins, envelope.PrivateKey{}),
		reconnecting: o.Reconnecting,
		backoff:      o.Backoff,
	}
	if c.backoff <= 0 {
		c.backoff = defaultBackoff
	}
	if c.reconnecting == nil {
		c.reconnecting = func(error, time.Duration) {}
	}
	return c, nil
}

// Hub is where the client looks for the hub, as a URL.
func (c *Client) Hub() string { return c.base }

// Close lets idle connections go.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// parseHubURL accepts https://host:port, and host:port for short.
func parseHubURL(s string) (string, error) {
	text := s
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return "", &Error{Doing: "reading the hub's address", On: s, Fix: "write it as https://HOST:PORT",
			Err: fmt.Errorf("malformed hub URL %q", s)}
	case u.Scheme != "https":
		return "", &Error{Doing: "reading the hub's address", On: s, Fix: "write it as https://HOST:PORT",
			Err: fmt.Errorf("malformed hub URL %q: the API is only served over https", s)}
	}
	return "https://" + u.Host, nil
}
