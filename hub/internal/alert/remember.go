package alert

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"picket.internal/engine/window"
	"picket.internal/hub/internal/store"
)

// restoreAtOnce is how many groups are given back to the engine at a time.
const restoreAtOnce = 1000

// remember gives the engine back what its rules remembered at its place in the
// log.
func (c *Consumer) remember(ctx context.Context) error {
	var some []window.Record
	err := c.cfg.Store.Windows(ctx, func(r store.WindowRecord) error {
		some = append(some, window.Record{Spec: r.Rule, Key: r.Key, Data: r.Data})
		if len(some) == restoreAtOnce {
			c.cfg.Engine.RestoreWindows(some)
			some = some[:0]
		}
		return nil
	})
	if err != nil {
		return err
	}
	c.cfg.Engine.RestoreWindows(some)
	return nil
}

// changed adds what the engine remembers anew; the last word about a group
// counts.
func (e *evaluation) changed(records []window.Record) {
	for _, r := range records {
		e.Windows = append(e.Windows, store.WindowRecord{Rule: r.Spec, Key: r.Key, Data: r.Data})
	}
}

// advance lets time go on where no fact does, and stores what comes of it.
func (c *Consumer) advance(ctx context.Context) error {
	if now := c.cfg.Now(); now.After(c.silence) {
		for _, a := range c.cfg.Engine.Advance(now) {
			host, err := c.host(ctx, a.Host.ID)
			if err != nil {
				return err
			}
			a.Host.Name = host.Name
			c.pending.alone(&a, now)
		}
	}
	if !c.worthIt() {
		return nil
	}
	return c.store(ctx)
}

// refOf names a fact's place in what rules remember.
func refOf(l store.Link) string {
	return strconv.FormatInt(l.Batch, 36) + "." + strconv.Itoa(l.Pos)
}

func linkOf(ref string) (store.Link, error) {
	batch, pos, _ := strings.Cut(ref, ".")
	n, err := strconv.ParseInt(batch, 36, 64)
	if err != nil {
		return store.Link{}, fmt.Errorf("malformed place of a fact %q: %w", ref, err)
	}
	p, err := strconv.Atoi(pos)
	if err != nil {
		return store.Link{}, fmt.Errorf("malformed place of a fact %q: %w", ref, err)
	}
	return store.Link{Batch: n, Pos: p}, nil
}
