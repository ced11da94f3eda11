package eat

import (
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"picket.internal/envelope"
)

// Ledger is what a host remembers of the tokens it acted on. It answers from
// what was read before: a ledger that could not be read is none.
type Ledger interface {
	// Used reports whether a token of the id, or of the payload with the
	// digest, was acted on or is being acted on.
	Used(id, sha256 string) bool
	// HighWater is the highest counter of those tokens; 0 where there are none.
	HighWater() uint64
	// Recent is how many tokens of the action were acted on in the hour before now.
	Recent(action string, now time.Time) int
	// ActionOf is the action of a token that was acted on; false where the id
	// is not known.
	ActionOf(id string) (string, bool)
}

// Input is what a host knows when it judges a token. All of it comes from files
// that only root can write and from the kernel, and none of it from the sensor.
type Input struct {
	// Now is the host's clock.
	Now time.Time
	// Floor is the newest signed time that the host has seen; the clock cannot
	// honestly be before it. Empty means that there is none yet.
	Floor time.Time
	// HostID is the host's id.
	HostID string
	// BootID is the boot id, from /proc/sys/kernel/random/boot_id.
	BootID string
	// Labels are the host's labels, as root wrote them. Never the hub's word:
	// they choose how many must sign.
	Labels []string
	// Trust is whom the host believes; nil refuses everything.
	Trust *TrustStore
	// Policy is what may be done; nil refuses everything.
	Policy *HostPolicy
	// Seen is the log as the host last saw it; size 0 means never.
	Seen tlog.Tree
	// Ledger is what was done before; nil refuses everything.
	Ledger Ledger
}

// Verified is a token that may be acted on, once. Only Verify makes one.
type Verified struct {
	token      Token
	sha256     string
	checkpoint []byte
	tree       tlog.Tree
	floor      time.Time
	operators  []string
}

// Token is what to do.
func (v *Verified) Token() Token { return v.token }

// SHA256 is the digest of the token's payload, for the ledger and the receipt.
func (v *Verified) SHA256() string { return v.sha256 }

// Checkpoint is the log that the token is in, signed. It is what the host has
// seen from now on, and must be on disk before the act.
func (v *Verified) Checkpoint() ([]byte, tlog.Tree) { return slices.Clone(v.checkpoint), v.tree }

// Floor is below which the clock must not be from now on: the token's time of
// issue, but never ahead of the clock that it was judged by.
func (v *Verified) Floor() time.Time { return v.floor }

// Operators are the names of the operators who signed.
func (v *Verified) Operators() []string { return slices.Clone(v.operators) }

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
		return refuse(ErrNoConsistency, "the proof starts at %d records, and this host has seen %d: deliver it again from there", d.delivery.From, seen)
	}
	if err := Extends(d.tree, d.in.Seen, d.delivery.Consistency); err != nil {
		return asRefusal(err, ErrLogFork)
	}
	return nil
}

func (d *decision) logged() *Refusal {
	entry := Entry{Type: EntryToken, ID: d.token.ID, SHA256: d.sha256()}
	if err := Contains(d.tree, entry, d.delivery.Index, d.delivery.Inclusion); err != nil {
		return asRefusal(err, ErrNotLogged)
	}
	return nil
}

// allowed asks the policy about the action and, for a release, about the action
// that would do the same by name: release must not be the easier way.
func (d *decision) allowed() *Refusal {
	if _, ok := d.in.Policy.Rule(d.token.Action()); !ok {
		return refuse(ErrNotAllowed, "%s", d.token.Action())
	}
	opposite, refusal := d.released()
	if refusal != nil || opposite == "" {
		return refusal
	}
	if _, ok := d.in.Policy.Rule(opposite); !ok {
		return refuse(ErrNotAllowed, "%s", opposite)
	}
	return nil
}

// released is the action that takes back what a release is about; empty where
// the token is no release.
func (d *decision) released() (string, *Refusal) {
	release, ok := d.token.Args.(Release)
	if !ok {
		return "", nil
	}
	name, known := d.in.Ledger.ActionOf(release.Token)
	action, _ := ActionNamed(name)
	if !known || !action.Contains {
		return "", refuse(ErrUnknownToken, "%s put nothing in force here", release.Token)
	}
	return action.Opposite, nil
}

func (d *decision) lifetime() *Refusal {
	rule, _ := d.in.Policy.Rule(d.token.Action())
	if asked, most := d.token.Lifetime(), time.Duration(rule.MaxLifetime)*time.Second; asked > most {
		return refuse(ErrLifetimeTooLong, "%s for %s where %s is allowed", d.token.Action(), asked, most)
	}
	return nil
}

// protected judges the targets that can be judged by their names alone. The
// wrapper judges the rest by what it finds.
func (d *decision) protected() *Refusal {
	p := d.in.Policy
	target := ""
	switch a := d.token.Args.(type) {
	case IsolateNetwork:
		if len(p.Open.Hub) == 0 {
			return refuse(ErrHubUnknown, "the policy names no address of the hub, which would be cut off: set open.hub")
		}
	case BlockAddress:
		for _, prefix := range a.Prefixes {
			if p.Open.Overlaps(prefix) {
				target = prefix.String()
			}
		}
	case DisableUser:
		if slices.Contains(p.Protected.Users, a.Name) {
			target = a.Name
		}
	case RevokeSSHKey:
		if slices.Contains(p.Protected.SSHKeys, a.Fingerprint) {
			target = a.Fingerprint
		}
	case StopService:
		if p.Protected.Service(a.Unit) {
			target = a.Unit
		}
	case QuarantineFile:
		if p.Protected.Path(a.Path.Exact()) {
			target = a.Path.Exact()
		}
	case CollectEvidence:
		for _, f := range a.Files {
			if !withinAny(f.Exact(), p.EvidencePaths) {
				target = f.Exact()
			}
		}
	}
	if target != "" {
		return refuse(ErrProtectedTarget, "%s of %.200q", d.token.Action(), target)
	}
	return nil
}

// threshold counts operators, who have one key each.
func (d *decision) threshold() *Refusal {
	rule, _ := d.in.Policy.Rule(d.token.Action())
	wanted := rule.For(d.in.Labels)
	if opposite, _ := d.released(); opposite != "" {
		rule, _ := d.in.Policy.Rule(opposite)
		wanted = append(wanted, rule.For(d.in.Labels)...)
	}
	for _, w := range wanted {
		have := 0
		for _, name := range d.operators {
			if len(w.Of) == 0 || slices.Contains(w.Of, name) {
				have++
			}
		}
		if have < w.Need {
			return refuse(ErrThresholdNotMet, "have %d, need %d operators", have, w.Need)
		}
	}
	return nil
}

// replay goes by id, payload and counter, never by the bytes of the envelope:
// DSSE has many spellings of those.
func (d *decision) replay() *Refusal {
	high := d.in.Ledger.HighWater()
	switch t := d.token; {
	case d.in.Ledger.Used(t.ID, d.sha256()):
		return refuse(ErrAlreadyUsed, "%s", t.ID)
	case t.Counter <= high:
		return refuse(ErrCounterTooLow, "%d, and the last was %d", t.Counter, high)
	case t.Counter-high > maxCounterStep:
		return refuse(ErrCounterTooHigh, "%d, and the last was %d", t.Counter, high)
	}
	return nil
}

func (d *decision) rate() *Refusal {
	rule, _ := d.in.Policy.Rule(d.token.Action())
	if done := d.in.Ledger.Recent(d.token.Action(), d.in.Now); done >= rule.Rate {
		return refuse(ErrRate, "%s was done %d times in the last hour, and %d are allowed", d.token.Action(), done, rule.Rate)
	}
	return nil
}
