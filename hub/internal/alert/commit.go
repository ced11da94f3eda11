package alert

import (
	"context"
	"errors"
	"time"

	"picket.internal/hub/internal/fault"
)

const (
	// idle is after what time a cursor alone is worth a commit.
	idle = time.Second
	// retryFirst and retryMost bound the wait after the store took nothing.
	retryFirst = 50 * time.Millisecond
	retryMost  = 5 * time.Second
)

// full tells whether the evaluation has to be stored before more is added.
func (c *Consumer) full() bool { return c.pending.facts >= maxFacts }

// worthIt tells whether there is something to store that people wait for, or
// the last commit is long enough ago.
func (c *Consumer) worthIt() bool {
	p := &c.pending
	if len(p.Alerts)+len(p.Repeats)+len(p.Notices) > 0 || c.full() {
		return true
	}
	return !c.since.IsZero() && time.Since(c.since) >= idle
}

// store commits what is pending, and tries until the store takes it.
func (c *Consumer) store(ctx context.Context) error {
	c.pending.changed(c.cfg.Engine.Changes())
	wait := retryFirst
	for {
		// The commit itself is not abandoned: half an answer is none.
		err := c.cfg.Store.Evaluate(context.WithoutCancel(ctx), &c.pending.Evaluation)
		if err == nil {
			c.stored()
			return nil
		}
		if !temporary(err) {
			return err
		}
		c.cfg.Logger.Warn("the store took no alerts, trying again", "error", err, "alerts", len(c.pending.Alerts), "in", wait)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
		wait = min(2*wait, retryMost)
	}
}

func (c *Consumer) stored() {
	for i := range c.pending.Alerts {
		a := &c.pending.Alerts[i].Alert
		c.cfg.Stats.Add("alert.stored", 1)
		c.cfg.Stats.AlertLatency(time.Duration(a.LatencyMS * float64(time.Millisecond)))
	}
	c.cfg.Stats.Add("alert.suppressed", int64(len(c.pending.Repeats)))
	c.cfg.Stats.Add("engine.facts", int64(c.pending.facts))
	c.pending = evaluation{}
	c.pending.From, c.pending.To = c.at, c.at
	c.since = time.Time{}
}

// stop stores what is pending, once: a full disk must not keep the hub from
// ending, and what is not stored is read again at the next start.
func (c *Consumer) stop(ctx context.Context) error {
	if c.since.IsZero() {
		return nil
	}
	c.pending.changed(c.cfg.Engine.Changes())
	err := c.cfg.Store.Evaluate(context.WithoutCancel(ctx), &c.pending.Evaluation)
	if err != nil {
		c.cfg.Logger.Warn("not stored at the end, will be read again", "alerts", len(c.pending.Alerts), "error", err)
		return nil
	}
	c.stored()
	return nil
}

// temporary tells whether the store may take the same evaluation later.
func temporary(err error) bool {
	return errors.Is(err, fault.StoreFull) || errors.Is(err, fault.StoreFailed)
}
