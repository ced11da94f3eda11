//go:build linux

package files

import (
	"context"
	"fmt"
	"sync"
	"time"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/account"
	"picket.internal/sensor/watch/internal/digest"
	"picket.internal/sensor/watch/internal/patience"
	"picket.internal/sensor/watch/internal/proc"
	"picket.internal/sensor/watch/inventory"
)

const (
	// maxDepth is how many folders below a path are gone into.
	maxDepth = 32
	// maxFolders bounds the folders of which a change is noticed at once.
	maxFolders = 1024
	// maxNames bounds how many names of one folder are looked at.
	maxNames = 20_000
	// walkPatience is how long one configured path may take.
	walkPatience = 20 * time.Second
	maxLost      = 4
)

// Path is a file or a folder to be watched.
type Path struct {
	// Path is absolute. Must be set; there need be nothing.
	Path string
	// Recursive is true where all that lies below a folder counts too.
	Recursive bool
	// Exclude are patterns of path.Match; one with a slash is held against the
	// whole path, another against the last part.
	Exclude []string
	// MaxFiles is how many entries are kept at most; 0 means 2,000.
	MaxFiles int
}

// Config says what to watch.
type Config struct {
	// Paths are what is watched; empty means Defaults.
	Paths []Path
	// MaxSize is the largest file that is hashed; 0 means 64 MiB.
	MaxSize int64
	// Budget is how many bytes are hashed in one reading; what is over it
	// waits for the next; 0 means 128 MiB.
	Budget int64
	// Proc is where the proc file system is mounted; empty means /proc.
	Proc string
	// Etc is where passwd and group lie; empty means /etc.
	Etc string

	now func() time.Time
}

// Source reads the watched files.
type Source struct {
	cfg   Config
	proc  *proc.FS
	names *account.Names
	gate  *patience.Gate

	mu      sync.Mutex
	known   []map[string]seen // by path, for each configured path
	folders []string          // that the last reading went through
	opened  int               // files so far
}

// seen is what was found out about a file by reading it.
type seen struct {
	key    digest.Key
	hash   string
	caps   []string
	xattrs []string
}

func maxFiles(n int) int {
	if n <= 0 {
		return 2000
	}
	return n
}

// New returns a source.
func New(cfg Config) (*Source, error) {
	if len(cfg.Paths) == 0 {
		cfg.Paths = Defaults()
	}
	if cfg.MaxSize <= 0 {
		cfg.MaxSize = 64 << 20
	}
	if cfg.Budget <= 0 {
		cfg.Budget = 128 << 20
	}
	if cfg.now == nil {
		cfg.now = time.Now
	}
	fs, err := proc.Open(cfg.Proc)
	if err != nil {
		return nil, err
	}
	return &Source{
		cfg: cfg, proc: fs, names: account.New(cfg.Etc), gate: patience.NewGate(maxLost),
		known: make([]map[string]seen, len(cfg.Paths)),
	}, nil
}

// Name is "files".
func (s *Source) Name() string { return "files" }

// Kinds are the files.
func (s *Source) Kinds() []fact.Kind { return []fact.Kind{fact.KindFile} }

// Watch are the configured paths, and the folders below them as far as the last
// reading went through them.
func (s *Source) Watch() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	paths := make([]string, 0, len(s.cfg.Paths)+len(s.folders))
	for _, p := range s.cfg.Paths {
		paths = append(paths, p.Path)
	}
	return append(paths, s.folders...)
}

// Read goes through all configured paths, one after the other. One that does
// not answer is a gap, and holds nobody.
func (s *Source) Read(ctx context.Context) (*inventory.Reading, error) {
	s.mu.Lock()
	known := append([]map[string]seen(nil), s.known...)
	s.mu.Unlock()
	slow := slowMounts(s.proc.Mountinfo())
	out := &inventory.Reading{}
	told := make(map[string]bool)
	var folders []string
	budget, opened := s.cfg.Budget, 0
	for i := range s.cfg.Paths {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("reading files: %w", ctx.Err())
		}
		w := &walk{
			cfg: &s.cfg, path: &s.cfg.Paths[i], names: s.names, slow: slow, budget: budget,
			left: maxFiles(s.cfg.Paths[i].MaxFiles), old: known[i], now: make(map[string]seen), until: time.Now().Add(walkPatience),
		}
		w, ok := patience.Do(s.gate, walkPatience+time.Second, func() *walk { w.run(); return w })
		if !ok {
			out.Gaps = append(out.Gaps, gap(fact.LossTimeout, 1, fmt.Sprintf("%q does not answer", s.cfg.Paths[i].Path)))
			continue
		}
		budget, opened = w.budget, opened+w.opened
		known[i] = w.now
		folders = append(folders, w.folders...)
		out.Gaps = append(out.Gaps, w.gaps()...)
		for _, f := range w.facts {
			if key := f.File.Path + "\x00" + f.File.PathB64; !told[key] {
				told[key] = true
				out.Facts = append(out.Facts, f)
			}
		}
	}
	s.mu.Lock()
	s.known, s.folders, s.opened = known, folders[:min(len(folders), maxFolders)], s.opened+opened
	s.mu.Unlock()
	return bounded(out), nil
}

// bounded cuts a reading to what an inventory may hold.
func bounded(r *inventory.Reading) *inventory.Reading {
	if over := len(r.Facts) - inventory.MaxEntities; over > 0 {
		r.Facts = r.Facts[:inventory.MaxEntities]
		r.Gaps = append(r.Gaps, gap(fact.LossInventory, int64(over), "more files than are kept"))
	}
	return r
}

func gap(cause string, count int64, reason string) inventory.Gap {
	return inventory.Gap{Of: fact.KindFile, Cause: cause, Count: count, Reason: reason}
}
