package hub

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"picket.internal/hub/internal/fleet"
	"picket.internal/hub/internal/ingest"
)

// Where a hub listens where nothing else is said.
const (
	DefaultListen = "127.0.0.1:7443"
	DefaultUI     = "127.0.0.1:7444"
	// NoUI in place of the web page's address means that there is none.
	NoUI = "off"
)

// Config says how a hub runs. Dir must be set; the zero value of everything
// else is a good hub.
type Config struct {
	// Dir is the folder that Init made. It must be set.
	Dir string
	// Listen is the address for sensors and clients, host:port; empty means
	// what Init was given.
	Listen string
	// UIListen is the address of the web page, host:port, or NoUI; empty means
	// what Init was given.
	UIListen string
	// Advertise is the address that enrollment tokens name, host:port; empty
	// means Listen as bound, with this machine's name where Listen names none.
	Advertise string
	// Rules is a folder of rules, reloaded when it changes; empty means the
	// rules that Picket ships.
	Rules string
	// Policies is a folder of response policies, read again when it changes;
	// empty means the policies that Picket ships, which do nothing but record.
	Policies string
	// HostActions is how often policies act by themselves on one host within an
	// hour, all together; empty means 30.
	HostActions int
	// Heartbeat is how often a healthy sensor is heard; empty means 15 s.
	Heartbeat time.Duration
	// SilentAfter is how long nothing may be heard of a host; empty means two
	// heartbeats.
	SilentAfter time.Duration
	// LearnFor is how long after its enrollment a host's first times mean
	// nothing; empty means 24 h, negative means that they always do.
	LearnFor time.Duration
	// Limits bound what a client may cost; the zero value is a good one.
	Limits Limits
	// AttestEvery is how often each host's wrapper is asked to hash the sensor;
	// empty means every hour, negative means never unless a person asks.
	AttestEvery time.Duration
	// AttestKeep is how long the signed forms of attestations on schedule that agree
	// are kept; empty means 30 days, negative means for ever.
	AttestKeep time.Duration
	// EvidenceBytes is how many bytes of evidence are kept before the oldest makes
	// room; empty means 2 GiB.
	EvidenceBytes int64
	// StoreParams are further parameters of the database driver, as written in
	// a DSN, as in "_cache_size=-65536"; empty means none. What costs
	// durability is refused.
	StoreParams string
	// Version is what the hub says it is; empty means "devel".
	Version string
	// Logger is told what happens; empty means nobody.
	Logger *slog.Logger
	// Now is the clock; empty means time.Now.
	Now func() time.Time
	// Clock measures how long nothing was heard; empty means the system's
	// monotonic clock.
	Clock fleet.Clock
}

// Limits bound what a client may cost before and after the hub knows who it is.
// Each field's zero value means its default.
type Limits struct {
	// HeaderBytes is the length of a request's header; empty means 16 KiB.
	HeaderBytes int
	// HeaderTimeout is how long a header may take to arrive, and a TLS
	// handshake; empty means 10 s.
	HeaderTimeout time.Duration
	// Streams is how many requests one connection may have open; empty means 32.
	Streams int
	// Connections is how many connections may be open at all; empty means 8,192.
	Connections int
	// Batch bounds what a sensor sends.
	Batch ingest.Limits
}

func (l Limits) headerBytes() int             { return orDefault(l.HeaderBytes, 16<<10) }
func (l Limits) headerTimeout() time.Duration { return orDefault(l.HeaderTimeout, 10*time.Second) }
func (l Limits) streams() int                 { return orDefault(l.Streams, 32) }
func (l Limits) connections() int             { return orDefault(l.Connections, 8192) }
func (l Limits) bodyTimeout() time.Duration   { return orDefault(l.Batch.BodyTimeout, 30*time.Second) }

func (c Config) heartbeat() time.Duration   { return orDefault(c.Heartbeat, 15*time.Second) }
func (c Config) silentAfter() time.Duration { return orDefault(c.SilentAfter, 2*c.heartbeat()) }
func (c Config) learnFor() time.Duration    { return max(0, orDefault(c.LearnFor, 24*time.Hour)) }
func (c Config) attestEvery() time.Duration { return max(0, orDefault(c.AttestEvery, time.Hour)) }
func (c Config) attestKeep() time.Duration  { return max(0, orDefault(c.AttestKeep, 30*24*time.Hour)) }
func (c Config) version() string            { return orDefault(c.Version, "devel") }

func (c Config) logger() *slog.Logger {
	if c.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return c.Logger
}

func orDefault[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

// advertised is the address that tokens name, given the one that is bound.
func (c Config) advertised(bound net.Addr) (string, error) {
	if c.Advertise != "" {
		return c.Advertise, nil
	}
	host, port, err := net.SplitHostPort(bound.String())
	if err != nil {
		return "", fmt.Errorf("reading the bound address: %w", err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsUnspecified() {
		return bound.String(), nil
	}
	name, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("finding this machine's name for tokens; say which with Advertise: %w", err)
	}
	return net.JoinHostPort(name, port), nil
}
