package eat

import (
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"picket.internal/envelope"
)

// maxCounterStep is how far a counter may be ahead of the last. Without it one
// token of a taken hub could use up all the counters that a host will ever take.
const maxCounterStep = 1 << 20

// decision is a token on its way through the checks.
type decision struct {
	in        Input
	data      []byte
	delivery  Delivery
	signed    *envelope.Verified
	token     Token
	tree      tlog.Tree
	operators []string
}

// steps are the checks, in order. Each may rely on those before it; the first
// that refuses is the answer. What is cheap and what proves who speaks comes
// first, so that nobody without a key learns what the policy says.
var steps = []func(*decision) *Refusal{
	(*decision).ready,
	(*decision).parse,
	(*decision).signature,
	(*decision).fields,
	(*decision).audience,
	(*decision).ttl,
	(*decision).clock,
	(*decision).checkpoint,
	(*decision).logged,
	(*decision).allowed,
	(*decision).lifetime,
	(*decision).protected,
	(*decision).threshold,
	(*decision).replay,
	(*decision).rate,
}

// Verify decides whether a delivery may be acted on. It changes nothing: the
// caller holds the lock on the ledger from before it until the token is in it.
// On a refusal there is no token.
//
// The order: size and shape of the delivery; envelope and the hub's signature;
// the token's members; hub, host, boot; lifetime of the token; clock; log;
// policy; operators' signatures; replay; rate.
func Verify(data []byte, in Input) (*Verified, *Refusal) {
	d := &decision{data: data, in: in}
	for _, step := range steps {
		if refusal := step(d); refusal != nil {
			if refusal.About == nil && d.token.ID != "" {
				refusal.About = &About{Token: d.token.ID, SHA256: d.sha256(), Action: d.token.Action()}
			}
			return nil, refusal
		}
	}
	floor := d.in.Floor
	if issued := earlier(d.token.Issued, d.in.Now); issued.After(floor) {
		floor = issued
	}
	return &Verified{
		token: d.token, sha256: d.sha256(), checkpoint: d.delivery.Checkpoint, tree: d.tree, floor: floor, operators: d.operators,
	}, nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func (d *decision) sha256() string { return digestOf(d.signed.Payload()) }

// ready refuses to judge without something to judge by.
func (d *decision) ready() *Refusal {
	switch {
	case d.in.Trust == nil:
		return refuse(ErrTrust, "no trust store")
	case d.in.Policy == nil:
		return refuse(ErrPolicy, "no host policy")
	case d.in.Ledger == nil:
		return refuse(ErrNoLedger, "what was done before is not known")
	}
	if err := d.in.Trust.Validate(); err != nil {
		return asRefusal(err, ErrTrust)
	}
	if err := d.in.Policy.Validate(); err != nil {
		return asRefusal(err, ErrPolicy)
	}
	return nil
}

func (d *decision) parse() *Refusal {
	var err error
	if d.delivery, err = ParseDelivery(d.data); err != nil {
		return asRefusal(err, ErrDelivery)
	}
	return nil
}

// signature takes any of the hub's keys that holds now. A revoked or expired
// one refuses only where no other has signed.
func (d *decision) signature() *Refusal {
	keys := envelope.KeySet{Role: "EAT"}
	for _, k := range d.in.Trust.HubKeys {
		keys.Keys = append(keys.Keys, k.Key)
	}
	for _, o := range d.in.Trust.Operators {
		keys.Keys = append(keys.Keys, o.Key)
	}
	v, err := envelope.Verify(d.delivery.Envelope, envelope.EAT, keys)
	if err != nil {
		return signatureRefusal(err, ErrBadSignature)
	}
	signedBy := v.SignedBy()
	refusal := refuse(ErrBadSignature, "no key of the hub has signed")
	for _, k := range d.in.Trust.HubKeys {
		switch {
		case !slices.Contains(signedBy, k.Key):
		case d.in.Trust.revoked(k.Key):
			refusal = refuse(ErrRevokedKey, "key %s", k.Key.ID())
		case d.in.Now.After(k.NotAfter):
			refusal = refuse(ErrKeyExpired, "key %s held until %s", k.Key.ID(), k.NotAfter.Format(time.RFC3339))
		default:
			d.signed = v
		}
	}
	if d.signed == nil {
		return refusal
	}
	for _, o := range d.in.Trust.Operators {
		if slices.Contains(signedBy, o.Key) && !d.in.Trust.revoked(o.Key) {
			d.operators = append(d.operators, o.Name)
		}
	}
	return nil
}

func (d *decision) fields() (refusal *Refusal) {
	d.token, refusal = readToken(d.signed)
	return refusal
}

func (d *decision) audience() *Refusal {
	switch t := d.token; {
	case t.Hub != d.in.Trust.Hub:
		return refuse(ErrWrongHub, "of the hub %s, and this host's is %s", t.Hub, d.in.Trust.Hub)
	case t.Host != d.in.HostID:
		return refuse(ErrWrongHost, "for the host %s, and this is %.80q", t.Host, d.in.HostID)
	case t.Boot != "" && t.Boot != d.in.BootID:
		return refuse(ErrWrongBoot, "for the boot %s, and this is %.80q", t.Boot, d.in.BootID)
	}
	return nil
}

func (d *decision) ttl() *Refusal {
	if ttl, most := d.token.Expires.Sub(d.token.Issued), d.in.Policy.tokenLifetime(); ttl > most {
		return refuse(ErrTTLTooLong, "it holds for %s where %s is allowed", ttl, most)
	}
	return nil
}

func (d *decision) clock() *Refusal {
	switch now := d.in.Now; {
	case now.Before(d.in.Floor):
		return refuse(ErrBelowFloor, "the clock says %s, and it was %s already: set it right, or let root reset the floor", now.Format(time.RFC3339), d.in.Floor.Format(time.RFC3339))
	case now.Add(d.in.Policy.clockSkew()).Before(d.token.NotBefore):
		return refuse(ErrNotYet, "it holds from %s, and it is %s", d.token.NotBefore.Format(time.RFC3339), now.Format(time.RFC3339))
	case !now.Before(d.token.Expires):
		return refuse(ErrExpired, "it held until %s, and it is %s", d.token.Expires.Format(time.RFC3339), now.Format(time.RFC3339))
	}
	return nil
}

// checkpoint refuses a log that has lost or changed a record since the host
// last saw it.
func (d *decision) checkpoint() *Refusal {
	key, err := logKey(d.in.Trust.Log)
	if err != nil {
		return refuse(ErrTrust, "log: %v", err)
	}
	if d.in.Trust.revoked(key) {
		return refuse(ErrRevokedKey, "key %s of the log", key.ID())
	}
	if d.tree, err = OpenCheckpoint(d.delivery.Checkpoint, d.in.Trust.Log); err != nil {
		return asRefusal(err, ErrBadCheckpoint)
	}
	// A proof from elsewhere shows nothing, so it accuses nobody of a fork.
	if seen := d.in.Seen.N; seen > 0 && d.tree.N > seen && d.delivery.From != seen {
		return refuse(ErrNoConsistency, noConsistency, d.delivery.From, seen)
	}
	if err := Extends(d.tree, d.in.Seen, d.delivery.Consistency); err != nil {
		return asRefusal(err, ErrLogFork)
	}
	return nil
}

// noConsistency is read by SeenBy.
const noConsistency = "the proof starts at %d records, and this host has seen %d: deliver it again from there"

func (d *decision) logged() *Refusal {
	entry := Entry{Type: EntryToken, ID: d.token.ID, SHA256: d.sha256()}
	if err := Contains(d.tree, entry, d.delivery.Index, d.delivery.Inclusion); err != nil {
		return asRefusal(err, ErrNotLogged)
	}
	return nil
}
