package send

import (
	"context"
	"fmt"

	"picket.internal/eat"
	"picket.internal/envelope"
	"picket.internal/wire"
)

// maxTrust is more than any trust store takes.
const maxTrust = 64 << 10

// FetchTrust asks the hub of an enrollment token whom it asks its hosts to
// believe. The hub must prove a key that the token pins, and the trust store
// must be of the hub that the token names.
func FetchTrust(ctx context.Context, token *wire.Token, version string) (*eat.TrustStore, error) {
	key, err := envelope.GenerateKey() // nobody's: the hub need not know who asks
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, enrollTimeout)
	defer cancel()
	hub := newLink(token.Pins, key, version)
	hub.most = maxTrust
	defer hub.close()
	r, err := hub.ask(ctx, "GET", token.Address, wire.PathTrust, nil, false)
	if err != nil {
		return nil, err
	}
	if r.status != statusOK {
		return nil, problem(r)
	}
	trust, err := eat.ParseTrust(r.body)
	if err != nil {
		return nil, err
	}
	if trust.Hub != token.Hub {
		return nil, fmt.Errorf("the trust store is of the hub %s, but the token is for %s", trust.Hub, token.Hub)
	}
	return trust, nil
}
