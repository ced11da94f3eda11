//go:build linux

package sshkeys

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/account"
	"picket.internal/sensor/watch/internal/describe"
	"picket.internal/sensor/watch/internal/patience"
	"picket.internal/sensor/watch/internal/proc"
	"picket.internal/sensor/watch/internal/regular"
	"picket.internal/sensor/watch/inventory"
)

// Config says where to read.
type Config struct {
	// Root is the folder that etc and the homes lie in; empty means /.
	Root string
	// Proc is where the proc file system is mounted; empty means /proc.
	Proc string
	// Patience is how long the files of one account may take; 0 means 2s.
	Patience time.Duration
}

const (
	// maxWatch bounds the folders that Watch names: each takes a watch of the
	// kernel's.
	maxWatch = 4_096
	// maxLost is how many homes may never have answered.
	maxLost = 32
)

var passwdBounds = regular.Bounds{Bytes: 16 << 20, Line: 64 << 10}

// Source reads authorized keys and host keys.
type Source struct {
	cfg  Config
	fs   *proc.FS
	gate *patience.Gate

	mu    sync.Mutex
	out   map[string]bool // accounts whose files are still waited for
	watch []string        // as last read
}

// New returns a source of SSH keys.
func New(cfg Config) (*Source, error) {
	cfg.Root = filepath.Clean("/" + cfg.Root)
	if cfg.Patience <= 0 {
		cfg.Patience = 2 * time.Second
	}
	p, err := proc.Open(cfg.Proc)
	if err != nil {
		return nil, err
	}
	return &Source{cfg: cfg, fs: p, gate: patience.NewGate(maxLost), out: make(map[string]bool)}, nil
}

// Name is "ssh_keys".
func (s *Source) Name() string { return "ssh_keys" }

// Kinds are ssh_key alone.
func (s *Source) Kinds() []fact.Kind { return []fact.Kind{fact.KindSSHKey} }

// Watch are the folders of the host's keys and of each account's, as last
// read; where an account has none, the home in which it would be made.
func (s *Source) Watch() []string {
	list := []string{filepath.Join(s.cfg.Root, "etc/ssh"), filepath.Join(s.cfg.Root, "etc/ssh/sshd_config.d"), filepath.Join(s.cfg.Root, "etc/passwd")}
	s.mu.Lock()
	defer s.mu.Unlock()
	return append(list, s.watch...)
}

// Read reads every key. What one account's files hold back, or hold too much
// of, takes nothing from the others.
func (s *Source) Read(ctx context.Context) (*inventory.Reading, error) {
	r := &reading{root: s.cfg.Root, seen: make(map[[2]string]*fact.SSHKey)}
	c := readConfig(s.cfg.Root)
	for _, reason := range c.unreadable {
		r.gap(fact.LossUnreadable, 1, reason)
	}
	r.gap(fact.LossInventory, c.cut, "the configuration of sshd is larger than the sensor reads")
	if c.command {
		r.gap(fact.LossUnreadable, 1, "AuthorizedKeysCommand is set: the keys that it gives are in no file")
	}
	r.hostKeys(c)
	for _, path := range c.cas {
		r.take(readKeys(filepath.Join(s.cfg.Root, path), owner{any: true}), path, "", "cert-authority")
	}
	watch, err := s.accounts(ctx, c, r)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.watch = watch
	s.mu.Unlock()
	return r.done(), nil
}

// accounts reads the keys of each account of passwd(5).
func (s *Source) accounts(ctx context.Context, c *config, r *reading) (watch []string, err error) {
	var users []account.User
	var malformed, over int64
	lack, _, err := regular.Lines(filepath.Join(s.cfg.Root, "etc/passwd"), passwdBounds, func(line []byte) {
		if account.Blank(line) {
			return
		}
		if u, ok := account.ParseUser(line); !ok {
			malformed++
		} else if len(users) == inventory.MaxEntities {
			over++
		} else {
			users = append(users, u)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("reading accounts: %w", err)
	}
	if lack.Cut {
		over++
	}
	r.gap(fact.LossMalformed, malformed+lack.Long, "lines of passwd are malformed: the keys of those accounts are not known")
	r.gap(fact.LossInventory, over, "passwd is larger than the sensor reads")
	points := s.fs.Points()
	watched := make(map[string]bool)
	for _, u := range users {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("reading keys: %w", err)
		}
		for _, path := range s.account(c, r, points, u) {
			if !watched[path] && len(watch) < maxWatch {
				watched[path] = true
				watch = append(watch, path)
			}
		}
	}
	return watch, nil
}

// found is what the files of an account hold.
type found struct {
	paths []string // as sshd would name them
	files []keyFile
	watch []string

	failed bool
}

// account reads the key files of one account, waiting so long and no longer.
func (s *Source) account(c *config, r *reading, points proc.Points, u account.User) (watch []string) {
	var paths []string
	for _, pattern := range c.files {
		path := expand(pattern, u)
		if points.Slow(filepath.Join(s.cfg.Root, path)) {
			r.gap(fact.LossUnreadable, 1, fmt.Sprintf("the keys of %s lie on a file system that may never answer", plain(u.Name, costName)))
			continue
		}
		paths = append(paths, path)
	}
	if len(paths) == 0 {
		return nil
	}
	s.mu.Lock()
	waiting := s.out[u.Name]
	s.mu.Unlock()
	if waiting {
		r.gap(fact.LossTimeout, 1, fmt.Sprintf("the key files of %s did not answer in time", plain(u.Name, costName)))
		return nil
	}
	got, ok := patience.Do(s.gate, s.cfg.Patience, func() (f found) {
		s.wait(u.Name, true)
		defer s.wait(u.Name, false)
		defer func() {
			// Nobody stands behind this goroutine: what trips it must not end
			// the sensor.
			if p := recover(); p != nil {
				f = found{failed: true}
			}
		}()
		return s.look(c, u, paths)
	})
	if !ok {
		r.gap(fact.LossTimeout, 1, fmt.Sprintf("the key files of %s did not answer in time", plain(u.Name, costName)))
		return nil
	}
	if got.failed {
		r.gap(fact.LossMalformed, 1, fmt.Sprintf("reading the key files of %s failed", plain(u.Name, costName)))
	}
	for i, f := range got.files {
		r.take(f, got.paths[i], u.Name)
	}
	return got.watch
}

func (s *Source) wait(name string, on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if on {
		s.out[name] = true
	} else {
		delete(s.out, name)
	}
}

// look reads the files at paths and finds what to watch for them.
func (s *Source) look(c *config, u account.User, paths []string) found {
	f := found{paths: paths}
	for _, path := range paths {
		where := filepath.Join(s.cfg.Root, path)
		f.files = append(f.files, readKeys(where, owner{uid: u.UID, gid: u.GID, loose: c.loose}))
		if dir := filepath.Dir(where); isFolder(dir, nil) {
			f.watch = append(f.watch, dir)
		} else if home := filepath.Dir(dir); home != "/" && isFolder(home, &u.UID) {
			f.watch = append(f.watch, home)
		}
	}
	return f
}

// isFolder tells whether path is a folder, and of that owner where one is
// asked for: the home of many accounts is a folder of the system's, in which
// they can make nothing.
func isFolder(path string, uid *uint32) bool {
	var st unix.Stat_t
	err := unix.Stat(path, &st)
	return err == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR && (uid == nil || st.Uid == *uid)
}

// expand makes a pattern of AuthorizedKeysFile the path of an account's file.
// Source: sshd_config(5) TOKENS.
func expand(pattern string, u account.User) string {
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		if pattern[i] != '%' || i+1 == len(pattern) {
			b.WriteByte(pattern[i])
			continue
		}
		switch i++; pattern[i] {
		case 'h':
			b.WriteString(u.Home)
		case 'u':
			b.WriteString(u.Name)
		case 'U':
			fmt.Fprint(&b, u.UID)
		default:
			b.WriteByte(pattern[i])
		}
	}
	path := b.String()
	if !filepath.IsAbs(path) {
		path = filepath.Join("/", u.Home, path)
	}
	return filepath.Clean(path)
}

// why is an error without the path, which the sensor's root is part of.
func why(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	if _, after, ok := strings.Cut(err.Error(), `": `); ok {
		return after
	}
	return err.Error()
}

func plain(s string, cost int) string {
	text, _ := describe.Text(s, cost)
	return text
}

// names lists a folder, bounded.
func names(path string) []string {
	dir, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer dir.Close()
	list, _ := dir.Readdirnames(1_000)
	return list
}
