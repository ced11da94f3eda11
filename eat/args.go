package eat

import (
	"time"

	"picket.internal/strictjson"
)

// Args are an action's arguments: one of the structs of this package, and each
// belongs to one action. They are values: a type switch has cases without
// pointers.
type Args interface {
	// Action is the name of the action that they belong to.
	Action() string
	// Validate checks every member; its error is ErrBadParam with the member's name.
	Validate() error
	// lease is how long the action stays in force, in seconds; zero where it has no lease.
	lease() int64
	// words says in a sentence what will be done. The set is closed by it, and
	// no action is without.
	words() []string
}

// MaxLifetime is the longest lease that a token may ask for. The host's policy
// bounds it further.
const MaxLifetime = 366 * 24 * time.Hour

func (c *checks) lifetime(seconds int64) {
	c.number("lifetime", seconds, 1, int64(MaxLifetime/time.Second))
}

// decodeArgs reads the arguments of type A.
func decodeArgs[A Args](raw []byte) (Args, error) {
	var a A
	if err := strictjson.Decode(raw, strictjson.Limits{Bytes: MaxToken, IntegersOnly: true}, &a, nil); err != nil {
		return nil, refuse(ErrBadParam, "%v", err)
	}
	if err := a.Validate(); err != nil {
		return nil, err
	}
	return a, nil
}

// ParseArgs reads the arguments of an action, strictly. Its errors are
// ErrUnknownAction and ErrBadParam.
func ParseArgs(action string, raw []byte) (Args, error) {
	known, ok := ActionNamed(action)
	if !ok {
		return nil, refuse(ErrUnknownAction, "%.80q", action)
	}
	return known.decode(raw)
}

// Noop does nothing but leave a receipt: it proves that the way to the wrapper works.
type Noop struct{}

// Action is the name of the action.
func (Noop) Action() string { return ActionNoop }

// Validate checks every member.
func (Noop) Validate() error { return nil }

func (Noop) lease() int64 { return 0 }

// Attest has the wrapper hash the sensor and what it trusts.
type Attest struct {
	// Nonce is 32 random bytes of the hub in hexadecimal, so that no older
	// answer passes for this one.
	Nonce string `json:"nonce"`
}

// Action is the name of the action.
func (Attest) Action() string { return ActionAttest }

// Validate checks every member.
func (a Attest) Validate() error {
	c := checks{kind: ErrBadParam}
	c.hash("nonce", a.Nonce)
	return c.err
}

func (Attest) lease() int64 { return 0 }

// Release ends the lease of an earlier token, whatever its action was.
type Release struct {
	// Token is the id of that token.
	Token string `json:"token"`
}

// Action is the name of the action.
func (Release) Action() string { return ActionRelease }

// Validate checks every member.
func (a Release) Validate() error {
	c := checks{kind: ErrBadParam}
	c.ulid("token", a.Token)
	return c.err
}

func (Release) lease() int64 { return 0 }
