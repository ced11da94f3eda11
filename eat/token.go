package eat

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"picket.internal/strictjson"
)

// MaxToken is the length of the largest token in bytes.
const MaxToken = 64 << 10

const version = 1

// Token is an Emergency Action Token: one action, on one host, once, soon.
type Token struct {
	// ID names it, a ULID.
	ID string
	// Hub is the id of the hub that signs it: a host of another hub refuses it.
	Hub string
	// Host is the id of the one host that it is for.
	Host string
	// Boot is the boot id that it is for; empty means any, where the action
	// takes back what another did.
	Boot string
	// Args are what is to be done.
	Args Args
	// Reason is the alert that led to it, or a person's words: one line of at
	// most 256 bytes.
	Reason string
	// Issued is when it was made, by the hub's clock, UTC.
	Issued time.Time
	// NotBefore is when it begins to hold, not before Issued.
	NotBefore time.Time
	// Expires is when it no longer holds, after NotBefore.
	Expires time.Time
	// Counter counts the host's tokens, from 1. A host takes each
	// once, and none that is more than 64 below the highest it acted on.
	Counter uint64
	// Policy is the name of the response policy that led to it; empty where a
	// person asked.
	Policy string
}

// Action is the name of the token's action.
func (t Token) Action() string {
	if t.Args == nil {
		return ""
	}
	return t.Args.Action()
}

// Lifetime is the lease that the token asks for; zero where its action has none.
func (t Token) Lifetime() time.Duration {
	if t.Args == nil {
		return 0
	}
	return time.Duration(t.Args.lease()) * time.Second
}

// document is a token as it is signed.
type document struct {
	V         int            `json:"v"`
	ID        string         `json:"id"`
	Hub       string         `json:"hub"`
	Host      string         `json:"host"`
	Boot      string         `json:"boot,omitempty"`
	Action    string         `json:"action"`
	Args      jsontext.Value `json:"args"`
	Reason    string         `json:"reason"`
	Issued    time.Time      `json:"issued"`
	NotBefore time.Time      `json:"not_before"`
	Expires   time.Time      `json:"expires"`
	Counter   uint64         `json:"counter,string"`
	Policy    string         `json:"policy,omitempty"`
}

// Validate checks every member; its error is ErrBadField with the member's
// name, or that of the arguments.
func (t Token) Validate() error {
	c := checks{kind: ErrBadField}
	c.ulid("id", t.ID)
	c.field(validID(t.Hub, "u_"), "hub", t.Hub)
	c.field(validID(t.Host, "h_"), "host", t.Host)
	action, known := ActionNamed(t.Action())
	c.that(known, "args: none")
	if t.Boot != "" || action.NeedsBoot {
		c.boot("boot", t.Boot)
	}
	c.that(t.Reason != "", "reason: none")
	c.line("reason", t.Reason, 256)
	c.time("issued", t.Issued)
	c.time("not_before", t.NotBefore)
	c.time("expires", t.Expires)
	c.that(!t.NotBefore.Before(t.Issued), "not_before: before issued")
	c.that(t.Expires.After(t.NotBefore), "expires: not after not_before")
	c.that(t.Counter > 0, "counter: 0")
	c.field(t.Policy == "" || validPolicyName(t.Policy), "policy", t.Policy)
	if c.err == nil {
		c.err = t.Args.Validate()
	}
	return c.err
}

func validPolicyName(s string) bool { return validName(s, lower+digits+"_.-", 64) }

// Encode returns the token's payload: canonical JSON, at most MaxToken bytes.
func (t Token) Encode() ([]byte, error) {
	if err := t.Validate(); err != nil {
		return nil, err
	}
	args, err := strictjson.Encode(t.Args)
	if err != nil {
		return nil, refuse(ErrBadParam, "%v", err)
	}
	payload, err := strictjson.Encode(document{
		V: version, ID: t.ID, Hub: t.Hub, Host: t.Host, Boot: t.Boot, Action: t.Action(), Args: args, Reason: t.Reason,
		Issued: t.Issued, NotBefore: t.NotBefore, Expires: t.Expires, Counter: t.Counter, Policy: t.Policy,
	})
	if err != nil {
		return nil, refuse(ErrBadField, "%v", err)
	}
	if len(payload) > MaxToken {
		return nil, refuse(ErrTooLarge, "%d bytes where %d are allowed", len(payload), MaxToken)
	}
	return payload, nil
}

// token makes the document a token. payload is what it was read from: what the
// token would not be written as is refused, so that a token has one spelling.
func (d document) token(payload []byte) (Token, error) {
	c := checks{kind: ErrBadField}
	c.number("v", int64(d.V), version, version)
	if c.err != nil {
		return Token{}, c.err
	}
	action, known := ActionNamed(d.Action)
	if !known {
		return Token{}, refuse(ErrUnknownAction, "%.80q", d.Action)
	}
	args, err := action.decode(d.Args)
	if err != nil {
		return Token{}, err
	}
	t := Token{
		ID: d.ID, Hub: d.Hub, Host: d.Host, Boot: d.Boot, Args: args, Reason: d.Reason,
		Issued: d.Issued, NotBefore: d.NotBefore, Expires: d.Expires, Counter: d.Counter, Policy: d.Policy,
	}
	again, err := t.Encode()
	if err != nil {
		return Token{}, err
	}
	if !bytes.Equal(again, payload) {
		return Token{}, refuse(ErrBadField, "a second spelling of a token")
	}
	return t, nil
}

func digestOf(payload []byte) string {
	sum := sha256.Sum256(payload)
	return hex.EncodeToString(sum[:])
}
