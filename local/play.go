package local

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"picket.internal/api"
	"picket.internal/fact"
)

// scenePatience is how long a scene waits for its alert before the next
// begins. An alert that comes later still counts.
const scenePatience = 5 * time.Second

// result is what became of a scene.
type result struct {
	scene   *scene
	alert   *api.Alert    // nil where none came
	latency time.Duration // from the touch to the stored alert
	skipped string        // why it was not played; empty where it was

	touched time.Time
	sign    sign
}

// play plays scenes on a stage and matches the alerts that come to them.
type play struct {
	stage  *stage
	alerts <-chan followed
	seen   func(*result) error // told of each scene once, when its alert has come or it was skipped

	patience time.Duration // how long each scene waits

	results []*result
	others  int // alerts that no scene asked for
}

// run plays every scene and waits for the alerts of each.
func (p *play) run(ctx context.Context, scenes []scene) error {
	defer p.stage.clear()
	for i := range scenes {
		r := &result{scene: &scenes[i]}
		p.results = append(p.results, r)
		if err := p.one(ctx, r); err != nil {
			return fmt.Errorf("playing the part that %s: %w", r.scene.says, err)
		}
	}
	return nil
}

func (p *play) one(ctx context.Context, r *result) error {
	defer p.stage.clear()
	var err error
	r.sign, err = r.scene.play(p.stage)
	var why skip
	switch {
	case errors.As(err, &why):
		r.skipped = string(why)
		return p.seen(r)
	case err != nil:
		return err
	}
	r.touched = p.stage.touched
	return p.await(ctx, r)
}

// await takes alerts until the one of r has come or its time is up.
func (p *play) await(ctx context.Context, r *result) error {
	timer := time.NewTimer(p.patience)
	defer timer.Stop()
	for r.alert == nil {
		select {
		case a, ok := <-p.alerts:
			switch {
			case ctx.Err() != nil:
				return context.Cause(ctx)
			case !ok:
				return errors.New("the hub's stream of alerts ended")
			case a.err != nil:
				return a.err
			}
			if err := p.match(a.alert); err != nil {
				return err
			}
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// match gives an alert to the scene that raised it.
func (p *play) match(a *api.Alert) error {
	for _, r := range p.results {
		if r.alert == nil && r.skipped == "" && r.scene.rule == a.Rule.ID && r.sign.raised(a) {
			r.alert, r.latency = a, a.Stored.Sub(r.touched)
			return p.seen(r)
		}
	}
	p.others++
	return nil
}

// missing are the rules whose alerts did not come.
func (p *play) missing() []string {
	ids := []string{}
	for _, r := range p.results {
		if r.alert == nil && r.skipped == "" {
			ids = append(ids, r.scene.rule)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// raised tells whether an alert is the one that the sign stands for.
func (is sign) raised(a *api.Alert) bool {
	for _, raw := range a.Facts {
		if f, _, err := fact.Parse(raw); err == nil && is(f) {
			return true
		}
	}
	return false
}
