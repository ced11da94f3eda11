package sensor

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"picket.internal/sensor/eventlog"
	"picket.internal/sensor/send/launch"
	"picket.internal/strictjson"
)

// maxConfig is more than any configuration of a sensor needs: 10,000 canaries
// take some 1.5 MB.
const maxConfig = 4 << 20

// Config is what a sensor is told. Every name but state_dir may be left out.
// The watching and the sending process read the same file: watch has no use for
// state_dir, addresses and send, and send none for what is watched.
type Config struct {
	// StateDir is the folder of the host's key and identity, as enroll made
	// it. Must be set for all but watch; a relative path starts at the
	// configuration file.
	StateDir string `json:"state_dir,omitempty"`
	// Addresses are where the hub is, host:port each, tried in turn; empty
	// means those that the hub gave at enrollment. The pinned key holds for
	// every one.
	Addresses []string `json:"addresses,omitempty"`
	// Canaries are the files that nobody has a reason to touch; empty means
	// that none is watched.
	Canaries []Canary `json:"canaries,omitempty"`
	// WatchFiles are files and folders whose content, mode, owner and
	// attributes are told when they change; empty means a set that decides how
	// the host is entered and what it runs.
	WatchFiles []WatchFile `json:"watch_files,omitempty"`
	// OwnFiles are the files that Picket consists of, beside the sensor; empty
	// means those that its packages install.
	OwnFiles []OwnFile `json:"own_files,omitempty"`
	// Heartbeat is the time between two signs of life, and between two hashes
	// of the sensor's own executable; empty means 15s. The hub calls a host
	// silent after two of its own heartbeats, so change both together.
	Heartbeat Duration `json:"heartbeat,omitzero"`
	// ScanInterval is the time between two looks at the processes; empty
	// means 1s.
	ScanInterval Duration `json:"scan_interval,omitzero"`
	// HashRate is how many bytes of executables and scripts a second are
	// read for their hashes in the long run; empty means 33554432.
	HashRate int64 `json:"hash_rate,omitempty"`
	// Redact says what is taken out of command lines; empty means what looks
	// like a secret.
	Redact Redact `json:"redact,omitzero"`
	// MetricInterval is the time between two samples of the host's load;
	// empty means 15s.
	MetricInterval Duration `json:"metric_interval,omitzero"`
	// InventoryInterval is the time between two readings of what is installed
	// and configured, where no change calls for one sooner; empty means 1m.
	InventoryInterval Duration `json:"inventory_interval,omitzero"`
	// Queue bounds what waits for the hub; empty means the defaults of each.
	Queue Queue `json:"queue,omitzero"`
	// Send says how facts go to the hub; empty means the defaults of each.
	Send Send `json:"send,omitzero"`
	// Launch is how Emergency Action Tokens reach the wrapper that acts on them
	// as root: sudo, socket, or none; empty means none: the hub is not asked
	// for any.
	Launch launch.Mode `json:"launch,omitempty"`
	// Link says how watch and send meet; empty means the defaults of each.
	Link Link `json:"link,omitzero"`
	// LogLevel is debug, info, warn or error; empty means info.
	LogLevel string `json:"log_level,omitempty"`
	// Version is what the sensor says it is; no setting. Empty means devel.
	Version string `json:"-"`
	// Path is where the configuration lies; no setting. Empty means nowhere.
	Path string `json:"-"`
}

// Canary is a file to be watched.
type Canary struct {
	// ID names the canary in facts and alerts: letters, digits, dots, dashes
	// and underscores, at most 64. Must be set, and no two may be the same.
	ID string `json:"id"`
	// Path is the file, absolute. Must be set. A file that is not there is
	// watched for all the same.
	Path string `json:"path"`
	// Type is what it pretends to be, as in "aws", for facts; empty where
	// nobody said.
	Type string `json:"type,omitempty"`
}

// Redact says what is taken out of command lines before they leave the host:
// the values of passwords, tokens, keys, cookies and credentials, in options,
// assignments, headers, URLs and JSON.
type Redact struct {
	// Off leaves command lines as they are.
	Off bool `json:"off,omitempty"`
	// Words are further names whose values are secrets, in letters and digits:
	// "pin" covers --pin, MY_PIN= and "user-pin": in front of a value.
	Words []string `json:"words,omitempty"`
}

// secrets are the words in the form that they are compared in.
func (r Redact) secrets() []string {
	var words []string
	for _, w := range r.Words {
		words = append(words, strings.Map(func(c rune) rune {
			if c == '-' || c == '_' || c == '.' {
				return -1
			}
			return c
		}, strings.ToLower(w)))
	}
	return words
}

// Queue bounds what waits for the hub. When it is full, metrics go first, then
// inventory, then process facts, and what went is counted and told.
type Queue struct {
	// Facts is how many facts wait at most; empty means 1000.
	Facts int `json:"facts,omitempty"`
	// Bytes is how much they take at most; empty means 4194304.
	Bytes int `json:"bytes,omitempty"`
	// ReservedFacts is how many of facts only critical ones may take; empty
	// means 256, or half of facts where that is less.
	ReservedFacts int `json:"reserved_facts,omitempty"`
	// ReservedBytes is how much of bytes only critical facts may take; empty
	// means 1048576, or half of bytes where that is less.
	ReservedBytes int `json:"reserved_bytes,omitempty"`
}

// Send says how facts go to the hub.
type Send struct {
	// FlushAfter is how long a fact waits for company; empty means 1s.
	// Critical facts never wait.
	FlushAfter Duration `json:"flush_after,omitzero"`
	// RetryMin is the first wait after a failure, which doubles with each
	// further one and is cut by chance; empty means 100ms.
	RetryMin Duration `json:"retry_min,omitzero"`
	// RetryMax is the longest wait after a failure; empty means 30s.
	RetryMax Duration `json:"retry_max,omitzero"`
	// RetryRefused is the wait after the hub said that it does not know the
	// host or has disabled it; empty means 30s.
	RetryRefused Duration `json:"retry_refused,omitzero"`
}

// Link says how the watching and the sending process meet.
type Link struct {
	// Socket is where watch listens, absolute; empty means
	// /run/picket-watch/facts.sock. Nobody but the watcher may be able to
	// write to its folder.
	Socket string `json:"socket,omitempty"`
	// Watcher is the user that watch runs as, by name or number; empty means
	// picket-watch. Facts of nobody else are taken.
	Watcher string `json:"watcher,omitempty"`
	// Sender is the user that send runs as, by name or number; empty means
	// picket. Facts go to nobody else. Where both are to be one user, name it
	// twice.
	Sender string `json:"sender,omitempty"`
}

// Duration is a time span written as in "15s", "500ms" or "1m30s".
type Duration time.Duration

// UnmarshalText reads a span; one that is not longer than nothing is refused,
// because leaving the name out is how to ask for the default.
func (d *Duration) UnmarshalText(text []byte) error {
	span, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("malformed time span %.40q: write it as in \"15s\", \"500ms\" or \"1m30s\"", text)
	}
	if span <= 0 {
		return fmt.Errorf("time span %.40q is not longer than nothing", text)
	}
	*d = Duration(span)
	return nil
}

// MarshalText writes the span as UnmarshalText reads it.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// LoadConfig reads a configuration file. Errors name the file, and the line and
// column where there is one.
func LoadConfig(path string) (Config, error) { return loadConfig(path, (*Config).Validate) }

// LoadWatchConfig is LoadConfig for the watching process, which needs no state
// folder.
func LoadWatchConfig(path string) (Config, error) {
	return loadConfig(path, (*Config).validateWatching)
}

func loadConfig(path string, validate func(*Config) error) (Config, error) {
	data, err := readBounded(path, maxConfig)
	if err != nil {
		return Config{}, fmt.Errorf("reading configuration: %w", err)
	}
	cfg, err := parseConfig(data, path, validate)
	if err != nil {
		return Config{}, err
	}
	if cfg.Path, err = filepath.Abs(path); err != nil {
		return Config{}, fmt.Errorf("finding the folder of %q: %w", path, err)
	}
	if cfg.StateDir != "" && !filepath.IsAbs(cfg.StateDir) {
		cfg.StateDir = filepath.Join(filepath.Dir(cfg.Path), cfg.StateDir)
	}
	return cfg, nil
}

// ParseConfig reads a configuration; name is what errors call it.
func ParseConfig(data []byte, name string) (Config, error) {
	return parseConfig(data, name, (*Config).Validate)
}

func parseConfig(data []byte, name string, validate func(*Config) error) (Config, error) {
	var cfg Config
	if err := strictjson.Decode(data, strictjson.Limits{Bytes: maxConfig}, &cfg, nil); err != nil {
		return Config{}, explain(err, data, name)
	}
	if err := validate(&cfg); err != nil {
		return Config{}, fmt.Errorf("%s: %w", name, err)
	}
	return cfg, nil
}

// isCanaryID reports whether s is made of letters, digits, dots, dashes and
// underscores, 64 at most.
func isCanaryID(s string) bool {
	const rest = "0123456789._-"
	for _, c := range []byte(s) {
		if letter := c | 0x20; (letter < 'a' || letter > 'z') && strings.IndexByte(rest, c) < 0 {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// Validate checks what the types cannot say.
func (c *Config) Validate() error {
	if c.StateDir == "" {
		return errors.New("state_dir is empty: it must name the folder that picket-sensor enroll made")
	}
	return c.validateWatching()
}

// validateWatching is Validate for a process that needs no state folder.
func (c *Config) validateWatching() error {
	if !c.Launch.Valid() {
		return fmt.Errorf("launch: %q is none of %q, %q and %q", c.Launch, launch.Sudo, launch.Socket, launch.None)
	}
	if c.Link.Socket != "" && !filepath.IsAbs(c.Link.Socket) {
		return fmt.Errorf("link.socket: %q is not absolute", c.Link.Socket)
	}
	ids := make(map[string]bool)
	for i, canary := range c.Canaries {
		at := fmt.Sprintf("canaries.%d", i)
		switch {
		case !isCanaryID(canary.ID):
			return fmt.Errorf("%s.id: malformed id %q: letters, digits, dots, dashes and underscores, 64 at most", at, canary.ID)
		case ids[canary.ID]:
			return fmt.Errorf("%s.id: there are two canaries %q", at, canary.ID)
		case !filepath.IsAbs(canary.Path):
			return fmt.Errorf("%s.path: %q is not absolute", at, canary.Path)
		}
		ids[canary.ID] = true
	}
	if c.HashRate < 0 {
		return fmt.Errorf("hash_rate: %d is less than nothing", c.HashRate)
	}
	for i, w := range c.Redact.secrets() {
		if w == "" || len(w) > 64 {
			return fmt.Errorf("redact.words.%d: %.80q names nothing: 1 to 64 letters and digits", i, c.Redact.Words[i])
		}
	}
	if err := c.validateFiles(); err != nil {
		return err
	}
	if _, err := c.Level(); err != nil {
		return err
	}
	return c.Queue.validate()
}

func (q Queue) validate() error {
	for _, f := range []struct {
		name string
		n    int
	}{{"facts", q.Facts}, {"bytes", q.Bytes}, {"reserved_facts", q.ReservedFacts}, {"reserved_bytes", q.ReservedBytes}} {
		if f.n < 0 {
			return fmt.Errorf("queue.%s: %d is less than nothing", f.name, f.n)
		}
	}
	if q.Facts > 0 && q.ReservedFacts >= q.Facts {
		return fmt.Errorf("queue.reserved_facts: %d of %d facts leave no place for others", q.ReservedFacts, q.Facts)
	}
	if q.Bytes > 0 && q.ReservedBytes >= q.Bytes {
		return fmt.Errorf("queue.reserved_bytes: %d of %d bytes leave no place for others", q.ReservedBytes, q.Bytes)
	}
	return nil
}

// Level is how much is logged.
func (c *Config) Level() (eventlog.Level, error) {
	switch c.LogLevel {
	case "debug":
		return eventlog.LevelDebug, nil
	case "", "info":
		return eventlog.LevelInfo, nil
	case "warn":
		return eventlog.LevelWarn, nil
	case "error":
		return eventlog.LevelError, nil
	}
	return 0, fmt.Errorf("log_level: %q is none of debug, info, warn and error", c.LogLevel)
}

// readBounded reads a file of limited size.
func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%q is larger than %d bytes", path, limit)
	}
	return data, nil
}
