//go:build linux

package schedules

import (
	"context"
	"strings"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/account"
	"picket.internal/sensor/watch/internal/unit"
	"picket.internal/sensor/watch/inventory"
)

// Config says where schedules are read.
type Config struct {
	// Root is where the host's files are; empty means /.
	Root string
}

// Source reads schedules. It is not safe for concurrent use.
type Source struct {
	root    string
	names   *account.Names
	units   *unit.Tree
	folders []string
}

var _ inventory.Source = (*Source)(nil)

// New returns a source over the schedules of the configuration.
func New(cfg Config) *Source {
	root := strings.TrimSuffix(cfg.Root, "/")
	return &Source{root: root, names: account.New(root + "/etc"), units: unit.New(root)}
}

func (s *Source) Name() string { return "schedules" }

func (s *Source) Kinds() []fact.Kind { return []fact.Kind{fact.KindSchedule} }

// Watch are the crontabs, the folders of crontabs, scripts and jobs, and those
// of timers.
func (s *Source) Watch() []string {
	var all []string
	for _, t := range crontabs {
		all = append(all, s.root+t.path)
	}
	for _, f := range scripts {
		all = append(all, s.root+f.path)
	}
	for _, f := range jobs {
		all = append(all, s.root+f)
	}
	if s.booted() {
		if s.folders == nil {
			s.folders = s.units.Scan(timerKinds...).Folders
		}
		for _, f := range s.folders {
			all = append(all, s.root+f)
		}
	}
	return all
}

// Read reads all schedules.
func (s *Source) Read(ctx context.Context) (*inventory.Reading, error) {
	r := new(inventory.Reading)
	left := int64(maxTotal)
	for _, t := range crontabs {
		s.crontab(r, t, &left)
	}
	for _, f := range scripts {
		s.scripts(r, f.path, f.when)
	}
	for _, f := range jobs {
		s.jobs(r, f)
	}
	if s.booted() {
		s.timers(r)
	}
	return r, ctx.Err()
}

func add(r *inventory.Reading, schedule fact.Schedule) {
	r.Facts = append(r.Facts, &fact.Fact{Kind: fact.KindSchedule, Schedule: &schedule})
}
