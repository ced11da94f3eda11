package client

import "net/http"

// SetTransport lets a test stand in for the network.
func (c *Client) SetTransport(rt http.RoundTripper) { c.http = &http.Client{Transport: rt} }
