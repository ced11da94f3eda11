package queue

import "picket.internal/fact"

// class tells how soon a fact goes when the queue is full: the lowest first.
type class uint8

const (
	metric    class = iota // samples, which the next one replaces
	inventory              // what is installed and configured; a snapshot finds what went missing
	process                // what ran and who logged in
	critical               // canaries, integrity, receipts and the sensor's own word
	classes   = 4
)

func (c class) String() string {
	switch c {
	case metric:
		return "metric"
	case inventory:
		return "inventory"
	case process:
		return "process"
	}
	return "critical"
}

// classOf sorts a fact by its kind. Heartbeats of the sensor are samples: the
// batch that carries one says the same, and a night without a hub must not
// fill the places of the canaries with them.
func classOf(f *fact.Fact) class {
	switch f.Kind {
	case fact.KindCanary, fact.KindIntegrity, fact.KindReceipt, fact.KindBinary:
		return critical
	case fact.KindSensor:
		if s := f.Sensor; s != nil && (s.Action == fact.SensorHeartbeat || s.Action == fact.SensorResource) {
			return metric
		}
		return critical
	case fact.KindProcess, fact.KindLogin:
		return process
	case fact.KindMetric:
		return metric
	}
	return inventory
}

// group names what a flood of critical facts would be a flood of, so that the
// touches of one canary cannot push out those of another.
func group(f *fact.Fact) string {
	if f.Kind == fact.KindCanary && f.Canary != nil && f.Canary.ID != "" {
		return f.Canary.ID
	}
	return string(f.Kind)
}

// said is what a binary fact tells of the sensor's executable.
type said struct{ path, version, disk, running, err string }

// saidBy sums up a binary fact, to tell news from a repetition.
func saidBy(b *fact.Binary) said {
	s := said{path: b.Path, version: b.Version, err: b.Error}
	if b.Hash != nil {
		s.disk = b.Hash.SHA256
	}
	if b.Running != nil && b.Running.Hash != nil {
		s.running = b.Running.Hash.SHA256
	}
	return s
}
