package replay

import (
	"context"
	"iter"
	"sync"
	"time"

	"picket.internal/engine/prevalence"
	"picket.internal/engine/rule"
	"picket.internal/fact"
)

const (
	// remembered is how many hashes, and hashes and paths of hosts, prevalence
	// keeps; what is forgotten is counted.
	remembered = 1_000_000
	// ahead is how many pages may be read before they are evaluated.
	ahead = 8
)

// Config says what is replayed.
type Config struct {
	// Set is the rules. It must be set.
	Set *rule.Set
	// Against is the set that Set is compared with; nil means none.
	Against *rule.Set
	// Only is the rule that the report is about, though all are run; empty means
	// every rule.
	Only string
	// Names are the names of hosts by their ids, as the hub knows them.
	Names map[string]string
	// LearnFor is how long after its first fact a host's first times mean
	// nothing; 0 means that they always do.
	LearnFor time.Duration
	// Until is when the stretch ends, for rules that wait for what does not
	// come; zero means with the last fact.
	Until time.Time
	// Zone is where a day begins; nil means UTC.
	Zone *time.Location
	// Top is how many hosts and values are named; 0 means 5.
	Top int
	// Now is the clock by which the replay itself is measured; nil means time.Now.
	Now func() time.Time
}

func (c Config) top() int {
	if c.Top <= 0 {
		return 5
	}
	return c.Top
}

func (c Config) zone() *time.Location {
	if c.Zone == nil {
		return time.UTC
	}
	return c.Zone
}

// Item is a fact and when the hub received it; without a fact it only says that
// it was that late.
type Item struct {
	Received time.Time
	Fact     *fact.Fact
}

// moment is an item with what the engine is told beside it. It is shared by
// both sides and does not change.
type moment struct {
	at    time.Time
	fact  *fact.Fact
	known *fact.Prevalence
}

// Run replays pages of items, which must come in the order of the log. Facts
// belong to the replay from then on. It ends with the pages, with ctx, or with
// the first error among the pages.
func Run(ctx context.Context, cfg Config, pages iter.Seq2[[]Item, error]) (*Report, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	start := cfg.Now()
	r := &run{cfg: cfg, table: prevalence.New(nil, remembered), first: map[string]time.Time{}}
	r.sides = append(r.sides, newSide(cfg, cfg.Set, true))
	if cfg.Against != nil && cfg.Against.Version() != cfg.Set.Version() {
		r.sides = append(r.sides, newSide(cfg, cfg.Against, false))
	}
	err := r.read(ctx, pages)
	if err != nil {
		return nil, err
	}
	return r.report(cfg.Now().Sub(start)), nil
}

// run is a replay under way. All but its sides is read's.
type run struct {
	cfg   Config
	sides []*side
	table *prevalence.Table
	first map[string]time.Time // when each host was first heard
	facts int64
	from  time.Time
	to    time.Time
}

// read hands every page to both sides, each on a goroutine of its own.
func (r *run) read(ctx context.Context, pages iter.Seq2[[]Item, error]) error {
	var wg sync.WaitGroup
	var feeds []chan []moment
	for _, s := range r.sides {
		feed := make(chan []moment, ahead)
		feeds = append(feeds, feed)
		wg.Go(func() {
			for page := range feed {
				if ctx.Err() == nil {
					s.page(page)
				}
			}
		})
	}
	err := r.feed(ctx, pages, feeds)
	for _, feed := range feeds {
		close(feed)
	}
	wg.Wait()
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		for _, s := range r.sides {
			s.end(later(r.to, r.cfg.Until))
		}
	}
	return err
}

func (r *run) feed(ctx context.Context, pages iter.Seq2[[]Item, error], feeds []chan []moment) error {
	for items, err := range pages {
		if err != nil {
			return err
		}
		page, err := r.prepare(ctx, items)
		if err != nil {
			return err
		}
		for _, feed := range feeds {
			select {
			case feed <- page:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}

// prepare adds to each fact what the hub would have told the engine beside it.
func (r *run) prepare(ctx context.Context, items []Item) ([]moment, error) {
	page := make([]moment, 0, len(items))
	for _, it := range items {
		if r.from.IsZero() {
			r.from = it.Received
		}
		r.to = later(r.to, it.Received)
		f := it.Fact
		if f == nil {
			page = append(page, moment{at: it.Received})
			continue
		}
		if name, ok := r.cfg.Names[f.Host.ID]; ok {
			f.Host.Name = name
		}
		if _, ok := r.first[f.Host.ID]; !ok {
			r.first[f.Host.ID] = it.Received
		}
		known, _, err := r.table.Observe(ctx, f, it.Received)
		if err != nil {
			return nil, err
		}
		if known != nil {
			known.Learned = it.Received.Sub(r.first[f.Host.ID]) >= r.cfg.LearnFor
		}
		page = append(page, moment{it.Received, f, known})
		r.facts++
	}
	return page, nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
