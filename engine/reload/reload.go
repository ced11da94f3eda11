// Package reload keeps an engine's rules the same as a folder's. It loads and
// tests the whole folder off to the side whenever something in it changes, and
// hands over a set only where nothing is wrong with it: with one broken rule
// the last good set stays.
//
// It must never apply a part of a folder, and never read a file that is still
// being written as if it were done: changes settle first.
package reload

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"

	"picket.internal/engine"
	"picket.internal/engine/rule"
)

const defaultSettle = 200 * time.Millisecond

// Config is what to watch and whom to tell.
type Config struct {
	// Dir is the folder with the rules. It must be set; it may come and go.
	Dir string
	// Apply takes a set that is fit for use, as engine.Engine.Load does. It must be set.
	Apply func(*rule.Set)
	// Report gets the outcome of every load, good and bad; nil means nobody does.
	Report func(Outcome)
	// Settle is how long nothing must change before the folder is loaded; 0 means 200 ms.
	Settle time.Duration
	// After is the clock that Settle goes by; nil means time.After.
	After func(time.Duration) <-chan time.Time
	// Logger gets a line for every load; nil means none is written.
	Logger *slog.Logger
}

// Outcome is what became of one look at the folder.
type Outcome struct {
	// Applied is true where the set in the folder is now the one in use.
	Applied bool `json:"applied"`
	// Rules and Version are of the set that was applied.
	Rules   int    `json:"rules,omitempty"`
	Version string `json:"version,omitempty"`
	// Files are what the set was loaded from, by their names; nil where none was applied.
	Files map[string][]byte `json:"-"`
	// Findings are what is wrong with the folder; warnings do not keep a set
	// from being applied.
	Findings rule.Findings `json:"findings,omitempty"`
}

// Err is why the set was not applied, nil where it was.
func (o Outcome) Err() error { return o.Findings.Err() }

func (c Config) settle() time.Duration {
	if c.Settle == 0 {
		return defaultSettle
	}
	return c.Settle
}

func (c Config) after(d time.Duration) <-chan time.Time {
	if c.After == nil {
		return time.After(d)
	}
	return c.After(d)
}

// report tells of every look at the folder, also of those that changed nothing.
func (c Config) report(o Outcome) {
	if c.Logger != nil {
		if err := o.Err(); err != nil {
			c.Logger.Error("rules not loaded, the last good set stays", "dir", c.Dir, "error", err)
		} else {
			c.Logger.Info("rules loaded", "dir", c.Dir, "rules", o.Rules, "version", o.Version, "findings", len(o.Findings))
		}
	}
	if c.Report != nil {
		c.Report(o)
	}
}

// Check loads the rules of a folder and runs their tests. There is a set only
// where it is fit for use.
func Check(fsys fs.FS) (*rule.Set, rule.Findings) {
	set, findings := rule.LoadFS(fsys)
	if set == nil {
		return nil, findings
	}
	findings = append(findings, engine.Check(set)...)
	findings = append(findings, rule.VerifyWith(set, engine.Player{})...)
	if findings.HasErrors() {
		return nil, findings
	}
	return set, findings
}

// Once loads the folder and applies it where it is fit for use.
func (c Config) Once() Outcome {
	set, files, findings := CheckFiles(os.DirFS(c.Dir))
	o := Outcome{Findings: findings}
	if set != nil {
		c.Apply(set)
		o.Files = files
		o.Applied, o.Rules, o.Version = true, set.Len(), set.Version()
	}
	c.report(o)
	return o
}

// Run watches the folder until ctx ends, and loads it whenever it has changed.
// It loads it once at the start, so that no change before the watch is missed.
func Run(ctx context.Context, c Config) error {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watching rules: %w", err)
	}
	defer w.Close()
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return fmt.Errorf("watching rules: %w", err)
	}
	t := &tree{w: w, dir: dir}
	t.arm()
	c.Once()
	var settled <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case ev, ok := <-w.Events:
			if !ok {
				return errors.New("watching rules: the watch ended")
			}
			if t.concerns(ev) {
				t.arm()
				settled = c.after(c.settle())
			}
		case _, ok := <-w.Errors:
			if !ok {
				return errors.New("watching rules: the watch ended")
			}
			// An overflow, most likely: what changed is not known, so look.
			t.arm()
			settled = c.after(c.settle())
		case <-settled:
			settled = nil
			t.arm()
			c.Once()
		}
	}
}
