//go:build linux

package integrity

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/fact"
	"picket.internal/sensor/watch"
	"picket.internal/sensor/watch/internal/clock"
	"picket.internal/sensor/watch/internal/digest"
	"picket.internal/sensor/watch/internal/patience"
	"picket.internal/sensor/watch/internal/proc"
	"picket.internal/sensor/watch/internal/regular"
)

// running leads to the image that the sensor runs, whatever lies at its path.
const running = "/proc/self/exe"

const (
	// maxSize is far above any sensor; a larger file at its path is not read.
	maxSize = 256 << 20
	// hashPatience is how long a file may take: one on a disk that does not
	// answer must not stop the heartbeat.
	hashPatience = 5 * time.Second
	maxLost      = 4
)

// Config says what to hash.
type Config struct {
	// Path is the sensor's executable; empty means the path that the kernel
	// tells when New is called.
	Path string
	// Version is what the sensor says it is.
	Version string
	// Heartbeat is the time between two hashes; 0 means 15s.
	Heartbeat time.Duration
	// Files are the other files that Picket consists of; empty means those
	// that its packages install.
	Files []File

	clock   clock.Clock
	running string // stands in for running, in tests
}

// Collector hashes the sensor's executable and Picket's other files.
type Collector struct {
	cfg   Config
	gate  *patience.Gate
	known map[string]*hashed // what is known of the other files, by path
}

// New finds out where the sensor lies.
func New(cfg Config) (*Collector, error) {
	if cfg.Heartbeat <= 0 {
		cfg.Heartbeat = 15 * time.Second
	}
	if len(cfg.Files) == 0 {
		cfg.Files = packaged
	}
	if cfg.running == "" {
		cfg.running = running
	}
	if cfg.Path == "" {
		path, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("finding the sensor's executable: %w", err)
		}
		// It may be replaced already, by an update or by somebody else.
		cfg.Path = strings.TrimSuffix(path, " (deleted)")
	}
	return &Collector{cfg: cfg, gate: patience.NewGate(maxLost)}, nil
}

// Name is "integrity".
func (c *Collector) Name() string { return "integrity" }

// Run hashes at once and then at every heartbeat.
func (c *Collector) Run(ctx context.Context, out watch.Sink) error {
	tick := time.NewTicker(c.cfg.Heartbeat)
	defer tick.Stop()
	for {
		out.Emit(c.beat())
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// beat makes the fact of one heartbeat.
func (c *Collector) beat() *fact.Fact {
	b := &fact.Binary{Action: fact.BinaryHeartbeat, Path: c.cfg.Path, Version: c.cfg.Version}
	image, imageErr := c.hash(c.cfg.running, nil)
	disk, diskErr := c.hash(c.cfg.Path, image)
	if image != nil {
		b.Running = &fact.Running{Hash: &fact.Hash{SHA256: image.sha256}}
	}
	if disk != nil {
		b.Hash = &fact.Hash{SHA256: disk.sha256}
	}
	var tooMany error
	b.Files, tooMany = c.files()
	if err := errors.Join(wrap("running image", imageErr), wrap("file", diskErr), tooMany); err != nil {
		b.Error = strings.ToValidUTF8(strings.ReplaceAll(err.Error(), "\n", "; "), "\uFFFD")
	}
	return &fact.Fact{Time: c.cfg.clock.Now(), Kind: fact.KindBinary, Binary: b}
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("hashing the %s: %w", what, err)
}

// hashed is a file, the digest of its content, and who may change it.
type hashed struct {
	key      digest.Key
	sha256   string
	mode     uint32
	uid, gid uint32
	settled  bool // the key will tell when the content is another
}

// errNoAnswer says that a file took too long.
var errNoAnswer = errors.New("the file does not answer")

// hash reads the file at path and hashes it, unless it is the very file that
// was just hashed.
func (c *Collector) hash(path string, just *hashed) (*hashed, error) {
	type answer struct {
		h   *hashed
		err error
	}
	a, ok := patience.Do(c.gate, hashPatience, func() answer {
		h, err := hashFile(path, just)
		return answer{h, err}
	})
	if !ok {
		return nil, errNoAnswer
	}
	return a.h, a.err
}

func hashFile(path string, just *hashed) (*hashed, error) {
	f, st, err := regular.Open(path)
	if err != nil {
		return nil, cause(err)
	}
	defer f.Close()
	h := &hashed{key: digest.KeyOf(st), mode: st.Mode, uid: st.Uid, gid: st.Gid}
	if just != nil && h.key == just.key {
		return just, nil
	}
	h.settled = digest.Settled(h.key, time.Now())
	if st.Size > maxSize {
		return nil, fmt.Errorf("file of %d bytes is over the bound of %d", st.Size, int64(maxSize))
	}
	h.sha256, err = digest.Reader(f, maxSize, time.Now().Add(hashPatience))
	if err != nil {
		return nil, cause(err)
	}
	return h, nil
}

// cause is the kernel's word where there is one: paths are told elsewhere.
func cause(err error) error {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return fmt.Errorf("%s: %w", proc.ErrnoName(errno), errno)
	}
	return err
}
