package send

import (
	"fmt"
	"slices"
	"time"

	"picket.internal/eat"
	"picket.internal/envelope"
)

// clockSlack is by how much the clocks of hub and host may differ before a
// token is not even shown to the wrapper. The wrapper has its own, smaller
// idea of that, from a file of root's.
const clockSlack = 5 * time.Minute

// admit looks a delivery over before the wrapper is started for it: what is not
// signed, or is for somebody else, or is over, is not worth a program of
// root's. It is no decision: the wrapper makes its own, with all the checks.
func (o *Orders) admit(delivery []byte, now time.Time) (*eat.Opened, error) {
	d, err := eat.ParseDelivery(delivery)
	if err != nil {
		return nil, err
	}
	trust, err := o.cfg.Trust()
	if err != nil {
		return nil, err
	}
	opened, err := eat.Open(d.Envelope, signers(trust)...)
	if err != nil {
		return nil, err
	}
	t, id := opened.Token, o.cfg.Identity
	switch {
	case t.Hub != trust.Hub || t.Hub != id.Hub:
		return opened, refusal(eat.ErrWrongHub, "of the hub %s, and this host's is %s", t.Hub, id.Hub)
	case t.Host != id.Host:
		return opened, refusal(eat.ErrWrongHost, "for the host %s, and this is %s", t.Host, id.Host)
	case t.Boot != "" && t.Boot != o.cfg.Boot:
		return opened, refusal(eat.ErrWrongBoot, "for the boot %s, and this is %s", t.Boot, o.cfg.Boot)
	case !now.Before(t.Expires):
		return opened, refusal(eat.ErrExpired, "it held until %s, and it is %s", t.Expires.Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	case now.Add(clockSlack).Before(t.NotBefore):
		return opened, refusal(eat.ErrNotYet, "it holds from %s, and it is %s", t.NotBefore.Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	return opened, nil
}

// signers are the hub's keys that have not been revoked. Operators alone never
// make a token.
func signers(trust *eat.TrustStore) (keys []envelope.PublicKey) {
	for _, k := range trust.HubKeys {
		if !slices.Contains(trust.Revoked, k.Key.ID()) {
			keys = append(keys, k.Key)
		}
	}
	return keys
}

func refusal(kind *eat.Refusal, format string, args ...any) *eat.Refusal {
	return &eat.Refusal{ID: kind.ID, Detail: fmt.Sprintf(format, args...)}
}
