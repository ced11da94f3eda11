package stats_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"picket.internal/hub/internal/stats"
)

func TestCountersInBothPlaces(t *testing.T) {
	s := stats.New()
	s.Add("batch.accepted", 2)
	s.Add("batch.accepted", 1)
	s.Add("batch.gap", 0)
	s.AlertLatency(3 * time.Millisecond)
	s.BatchTook(time.Millisecond)
	if c := s.Counters(); c["batch.accepted"] != 3 || len(c) != 1 {
		t.Errorf("counters are %v", c)
	}
	w := httptest.NewRecorder()
	promhttp.HandlerFor(s.Registry(), promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{`picket_events_total{id="batch.accepted"} 3`, `picket_alert_latency_seconds_count 1`, `picket_batch_seconds_count 1`, "go_goroutines", "process_resident_memory_bytes"} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("metrics lack %s", want)
		}
	}
}
