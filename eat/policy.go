package eat

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"picket.internal/strictjson"
)

const (
	maxPolicy = 256 << 10
	maxListed = 1000
	maxLease  = int64(MaxLifetime / time.Second)
)

// What a host's policy means where it says nothing.
const (
	DefaultTokenLifetime = 300   // seconds between issued and expires
	DefaultClockSkew     = 30    // seconds that the hub's clock may be ahead
	DefaultMaxLifetime   = 14400 // seconds of a lease
	DefaultRate          = 10    // of an action an hour
)

// HostPolicy is the ceiling of what may be done on a host, in a file that only
// root can write. No token can widen it, so neither can the hub.
type HostPolicy struct {
	// V is the version, 1.
	V int `json:"v"`
	// MaxTokenLifetime is the most seconds between issued and expires of a
	// token; empty means 300.
	MaxTokenLifetime int64 `json:"max_token_lifetime,omitempty"`
	// ClockSkew is by how many seconds the hub's clock may be ahead of the
	// host's; empty means 30.
	ClockSkew int64 `json:"clock_skew,omitempty"`
	// Actions are what may be done, by name. What is not in it may not.
	Actions map[string]ActionRule `json:"actions"`
	// Open are the addresses that stay reachable when the host is isolated, and
	// that can't be blocked.
	Open OpenAddresses `json:"open"`
	// Protected is what no action may touch.
	Protected Protected `json:"protected"`
	// EvidencePaths are the folders whose files may be collected. Empty means
	// that no file may: the wrapper reads as root.
	EvidencePaths []string `json:"evidence_paths,omitempty"`
	// AllowLastLogin lets disable_user and revoke_ssh_key take away the last
	// way in; empty means that they are refused it.
	AllowLastLogin bool `json:"allow_last_login,omitempty"`
}

// ActionRule bounds an action.
type ActionRule struct {
	// MaxLifetime is the longest lease in seconds; empty means four hours.
	MaxLifetime int64 `json:"max_lifetime,omitempty"`
	// Rate is how often an hour it may be done; empty means 10.
	Rate int `json:"rate,omitempty"`
	// Signatures are which operators must have signed; empty means that the
	// hub's signature is enough. All entries with a label of the host must be
	// met; where the host has none of the labels, all entries without one.
	Signatures []Signatures `json:"signatures,omitempty"`
}

// Signatures asks for the signatures of operators.
type Signatures struct {
	// Label is the host label that it is for; empty means every host that no
	// other entry of the action is for.
	Label string `json:"label,omitempty"`
	// Need is how many different operators must have signed, 1 to 15.
	Need int `json:"need"`
	// Of are the operators that count; empty means all in the trust store.
	Of []string `json:"of,omitempty"`
}

// OpenAddresses are addresses that stay reachable.
type OpenAddresses struct {
	// Hub is where the hub listens. Without it isolate_network is refused.
	Hub []netip.AddrPort `json:"hub,omitempty"`
	// Resolvers are the DNS servers that the host may ask.
	Resolvers []netip.Addr `json:"resolvers,omitempty"`
	// Extra are further ranges.
	Extra []netip.Prefix `json:"extra,omitempty"`
	// Forward are whom that may reach for which the host forwards, such as
	// containers; empty means nobody. The host itself may not.
	Forward []ForwardTo `json:"forward,omitempty"`
}

// ForwardTo is a range that forwarded traffic may go to.
type ForwardTo struct {
	// To is the range.
	To netip.Prefix `json:"to"`
	// Protocol is tcp or udp; empty means both, and without a port all.
	Protocol string `json:"protocol,omitempty"`
	// Port is the port that is asked there; empty means any.
	Port uint16 `json:"port,omitempty"`
}

// Protected is what no action may touch.
type Protected struct {
	// Executables are paths of programs, or names as in /proc/PID/comm, that
	// are neither killed nor suspended. PID 1 and the wrapper never are.
	Executables []string `json:"executables,omitempty"`
	// Users are accounts that are not disabled.
	Users []string `json:"users,omitempty"`
	// SSHKeys are fingerprints that are not revoked.
	SSHKeys []string `json:"ssh_keys,omitempty"`
	// Paths are files and folders out of which nothing is quarantined.
	Paths []string `json:"paths,omitempty"`
	// Services are units that are not stopped, as in "ssh.service". The socket
	// or timer of the same name is protected with it, and "getty@.service"
	// stands for its instances.
	Services []string `json:"services,omitempty"`
}

// ParsePolicy reads a host's policy, strictly. Its error is ErrPolicy; there is
// no policy then, and nothing may be done.
func ParsePolicy(data []byte) (*HostPolicy, error) {
	p := new(HostPolicy)
	limits := strictjson.Limits{Bytes: maxPolicy, Depth: 8, String: maxPath, IntegersOnly: true}
	if err := strictjson.Decode(data, limits, p, nil); err != nil {
		return nil, refuse(ErrPolicy, "%v", err)
	}
	if err := p.Validate(); err != nil {
		return nil, err
	}
	return p, nil
}

// Encode returns the file, indented for people. Its error is ErrPolicy.
func (p *HostPolicy) Encode() ([]byte, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	return indented(p, ErrPolicy)
}

// indented is for files that people read and change.
func indented(v any, kind *Refusal) ([]byte, error) {
	data, err := strictjson.Encode(v)
	if err != nil {
		return nil, refuse(kind, "%v", err)
	}
	out := jsontext.Value(data)
	if err := out.Indent(jsontext.WithIndent("  ")); err != nil {
		return nil, refuse(kind, "%v", err)
	}
	return append(out, '\n'), nil
}

// Validate checks every member; its error is ErrPolicy with the member's name.
func (p *HostPolicy) Validate() error {
	c := checks{kind: ErrPolicy}
	c.number("v", int64(p.V), version, version)
	c.number("max_token_lifetime", p.MaxTokenLifetime, 0, 86400)
	c.number("clock_skew", p.ClockSkew, 0, 300)
	for name, rule := range p.Actions {
		action, known := ActionNamed(name)
		c.field(known, "actions", name)
		c.number("actions."+name+".max_lifetime", rule.MaxLifetime, 0, maxLease)
		c.that(rule.MaxLifetime == 0 || action.Contains, "actions.%s.max_lifetime: the action has no lease", name)
		c.number("actions."+name+".rate", int64(rule.Rate), 0, 10000)
		c.signatures("actions."+name+".signatures", rule.Signatures)
	}
	c.open(p.Open)
	c.listed("protected.executables", p.Protected.Executables, func(s string) bool {
		return validPath(s) || validName(s, alnum+"_.:@+-", 15) // TASK_COMM_LEN
	})
	c.listed("protected.users", p.Protected.Users, validUser)
	c.listed("protected.ssh_keys", p.Protected.SSHKeys, validFingerprint)
	c.listed("protected.paths", p.Protected.Paths, validPath)
	c.listed("protected.services", p.Protected.Services, validUnit)
	c.listed("evidence_paths", p.EvidencePaths, validPath)
	return c.err
}

func (c *checks) signatures(name string, list []Signatures) {
	c.count(name, len(list), 32)
	for i, s := range list {
		c.field(s.Label == "" || validLabel(s.Label), name+".label", s.Label)
		c.that(!slices.ContainsFunc(list[:i], func(o Signatures) bool { return o.Label == s.Label && slices.Equal(o.Of, s.Of) }), "%s: one entry twice", name)
		c.number(name+".need", int64(s.Need), 1, 15)
		c.listed(name+".of", s.Of, validOperator)
		c.that(len(s.Of) == 0 || s.Need <= len(s.Of), "%s.need: %d of %d", name, s.Need, len(s.Of))
	}
}

// validLabel is a label as hosts carry it, as in "role=db".
func validLabel(s string) bool { return validName(s, alnum+"_.:/=-", 128) }

func validOperator(s string) bool { return validName(s, alnum+"_.@-", 64) }

func (c *checks) open(o OpenAddresses) {
	c.count("open.hub", len(o.Hub), 16)
	for _, a := range o.Hub {
		c.that(a.IsValid() && a.Port() > 0 && plain(a.Addr()), "open.hub: malformed address %s", a)
	}
	c.count("open.resolvers", len(o.Resolvers), 16)
	for _, a := range o.Resolvers {
		c.that(plain(a), "open.resolvers: malformed address %s", a)
	}
	c.count("open.extra", len(o.Extra), 64)
	for _, p := range o.Extra {
		c.that(p.IsValid() && p.Masked() == p && !p.Addr().Is4In6(), "open.extra: malformed range %s", p)
	}
	c.count("open.forward", len(o.Forward), 32)
	// More than both together is more than one isolation takes.
	c.count("open.extra and open.forward", len(o.Extra)+len(o.Forward), 64)
	for i, f := range o.Forward {
		at := f.To.Addr()
		c.that(validPrefix(f.To) && !at.IsUnspecified() && !at.IsMulticast(), "open.forward.to: malformed range %s", f.To)
		c.field(f.Protocol == "" || f.Protocol == "tcp" || f.Protocol == "udp", "open.forward.protocol", f.Protocol)
		c.that(!slices.Contains(o.Forward[:i], f), "open.forward: %s twice", f.To)
	}
}

func plain(a netip.Addr) bool {
	return a.IsValid() && a.Zone() == "" && !a.Is4In6() && !a.IsUnspecified()
}

func (c *checks) listed(name string, list []string, valid func(string) bool) {
	c.count(name, len(list), maxListed)
	for i, s := range list {
		c.field(valid(s) && !slices.Contains(list[:i], s), name, s)
	}
}

// Rule returns what bounds an action, with defaults filled in; false where the
// action is not allowed.
func (p *HostPolicy) Rule(action string) (ActionRule, bool) {
	rule, ok := p.Actions[action]
	if rule.MaxLifetime == 0 {
		rule.MaxLifetime = DefaultMaxLifetime
	}
	if rule.Rate == 0 {
		rule.Rate = DefaultRate
	}
	return rule, ok
}

func (p *HostPolicy) tokenLifetime() time.Duration {
	return seconds(p.MaxTokenLifetime, DefaultTokenLifetime)
}

func (p *HostPolicy) clockSkew() time.Duration { return seconds(p.ClockSkew, DefaultClockSkew) }

func seconds(n, empty int64) time.Duration {
	if n == 0 {
		n = empty
	}
	return time.Duration(n) * time.Second
}

// For returns the entries that must be met on a host with the labels.
func (r ActionRule) For(labels []string) []Signatures {
	pick := func(wanted func(label string) bool) (out []Signatures) {
		for _, s := range r.Signatures {
			if wanted(s.Label) {
				out = append(out, s)
			}
		}
		return out
	}
	if named := pick(func(label string) bool { return label != "" && slices.Contains(labels, label) }); len(named) > 0 {
		return named
	}
	return pick(func(label string) bool { return label == "" })
}

// Executable reports whether a process is protected by the path of its program
// or by its name. The wrapper asks, since a token names neither.
func (p Protected) Executable(file, comm string) bool {
	return slices.Contains(p.Executables, file) || slices.Contains(p.Executables, comm)
}

// Path reports whether a path is protected, or lies in a folder that is.
func (p Protected) Path(exact string) bool { return withinAny(exact, p.Paths) }

// Service reports whether a unit is protected.
func (p Protected) Service(unit string) bool {
	stem := unitStem(unit)
	template, _, instance := strings.Cut(stem, "@")
	return slices.ContainsFunc(p.Services, func(s string) bool {
		s = unitStem(s)
		return s == stem || instance && s == template+"@"
	})
}

// Overlaps reports whether blocking a range would close an address that must
// stay open.
func (o OpenAddresses) Overlaps(blocked netip.Prefix) bool {
	return slices.ContainsFunc(o.Hub, func(a netip.AddrPort) bool { return blocked.Contains(a.Addr()) }) ||
		slices.ContainsFunc(o.Resolvers, blocked.Contains) ||
		slices.ContainsFunc(o.Extra, blocked.Overlaps) ||
		slices.ContainsFunc(o.Forward, func(f ForwardTo) bool { return blocked.Overlaps(f.To) })
}

func withinAny(p string, folders []string) bool {
	return slices.ContainsFunc(folders, func(folder string) bool {
		return p == folder || strings.HasPrefix(p, strings.TrimSuffix(folder, "/")+"/")
	})
}
