package send

import (
	"time"

	"picket.internal/fact"
)

var testTime = time.Date(2026, 11, 23, 12, 0, 0, 123456789, time.UTC)

func canaryFact(id string) *fact.Fact {
	return &fact.Fact{Time: testTime, Kind: fact.KindCanary, Canary: &fact.Canary{Action: fact.CanaryRead, ID: id, Path: "/srv/" + id}}
}

func processFact(pid int64) *fact.Fact {
	return &fact.Fact{Time: testTime, Kind: fact.KindProcess, Process: &fact.Process{Action: fact.ProcessStart, PID: pid, Executable: "/usr/bin/true"}}
}

func metricFact() *fact.Fact {
	return &fact.Fact{Time: testTime, Kind: fact.KindMetric, Metric: &fact.Metric{}}
}
