package local

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"picket.internal/api"
	"picket.internal/fact"
)

// watching is what the sensor has said about itself since its start.
type watching struct {
	running   func() int64      // how many processes there are
	processes int64             // how many it knows
	limits    map[string]string // by collector, what it cannot see, in its own words
}

const brief = "programs that end within a second may be missed"

// plainLimits are those of watching by looks at /proc instead of from the
// kernel, until the sensor says that the kernel tells it.
func plainLimits(root bool) map[string]string {
	limits := map[string]string{"scan": brief}
	if !root {
		limits["process"] = "programs of other users are not hashed (not root)"
	}
	return limits
}

// note takes in a fact about the sensor and tells whether all is watched now.
func (w *watching) note(f *fact.Fact, canaries int) bool {
	s := f.Sensor
	if s == nil {
		return false
	}
	switch {
	case s.Action != fact.SensorDegraded:
	case s.Seen > 0 && s.Unreadable == 0: // it sees everything, again
		delete(w.limits, s.Source)
	case s.Reason != "":
		w.limits[s.Source] = s.Reason
	}
	if s.Watching == nil {
		return false
	}
	w.processes = s.Watching.Processes
	if slices.Contains(s.Watching.Sources, fact.SourceConnector) {
		delete(w.limits, "scan")
	} else {
		w.limits["scan"] = brief
	}
	return s.Watching.Canaries >= int64(canaries) && w.processes > 0 && 2*w.processes >= w.running()
}

// runningProcesses is how many processes /proc lists: the sensor, which runs
// as the same user, has met them all when it knows about as many.
func runningProcesses() int64 {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0
	}
	n := int64(0)
	for _, e := range entries {
		if _, err := strconv.ParseUint(e.Name(), 10, 31); err == nil {
			n++
		}
	}
	return n
}

// startWatching starts the sensor and waits until the hub has it from the
// sensor itself that every canary is watched and the processes are known.
func (m *machine) startWatching(ctx context.Context) (*watching, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	after, err := m.lastFact(ctx)
	if err != nil {
		return nil, err
	}
	if err := m.startSensor(); err != nil {
		return nil, err
	}
	w := &watching{running: runningProcesses, limits: plainLimits(os.Geteuid() == 0)}
	watched := make(chan error, 1)
	go func() { watched <- m.awaitWatching(ctx, after, w) }()
	timer := time.NewTimer(watchPatience)
	defer timer.Stop()
	select {
	case err := <-watched:
		return w, err
	case <-m.sensor.done:
		return nil, m.sensor.died()
	case <-m.hub.done:
		return nil, m.hub.died()
	case <-timer.C:
		return nil, m.sensor.trouble(fmt.Sprintf("did not begin to watch within %v", watchPatience))
	}
}

// lastFact is the place in the hub's log before anything that the sensor will
// say. There always is a fact: the hub notes the enrollment as one.
func (m *machine) lastFact(ctx context.Context) (cursor string, err error) {
	for stored, err := range m.client.Facts(ctx, api.FactQuery{Limit: 1}) {
		return stored.Cursor, err
	}
	return "", nil
}

// lastAlert is the same for alerts.
func (m *machine) lastAlert(ctx context.Context) (cursor string, err error) {
	for a, err := range m.client.Alerts(ctx, api.AlertQuery{Limit: 1, IncludeShadow: true}) {
		return a.ID, err
	}
	return api.FirstCursor, nil
}

func (m *machine) awaitWatching(ctx context.Context, after string, w *watching) error {
	q := api.FactQuery{HostID: m.host, Kind: string(fact.KindSensor), After: after}
	for stored, err := range m.client.FollowFacts(ctx, q) {
		if err != nil {
			return err
		}
		f, _, err := fact.Parse(stored.Fact)
		if err != nil {
			return fmt.Errorf("reading what the sensor says: %w", err)
		}
		if w.note(f, len(m.canaries)) {
			return nil
		}
	}
	return context.Cause(ctx)
}

// followAlerts sends alerts into a channel until ctx ends; then, or when the
// hub gives none any more, the channel is closed.
func (m *machine) followAlerts(ctx context.Context, after string) <-chan followed {
	out := make(chan followed)
	go func() {
		defer close(out)
		for a, err := range m.client.FollowAlerts(ctx, api.AlertQuery{After: after}) {
			select {
			case out <- followed{&a, err}:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

// followed is an alert, or why there will be none any more.
type followed struct {
	alert *api.Alert
	err   error
}
