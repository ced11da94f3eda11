// Package stats counts what the hub does and refuses: once, for the API's
// status and for Prometheus alike.
//
// Counters are named by the stable ids of hub/internal/fault and by
// "thing.event" for what is no fault. The package must never take a name from
// outside: a label that a host can choose is memory that a host can fill.
package stats

import (
	"maps"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Set is the counters of one hub. Its methods may be called from any goroutine.
type Set struct {
	mu     sync.Mutex
	counts map[string]int64 // guarded by mu

	registry *prometheus.Registry
	latency  prometheus.Histogram
	request  prometheus.Histogram
}

// New returns counters that all stand at zero, with a registry of their own.
func New() *Set {
	buckets := []float64{.001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 60}
	s := &Set{
		counts:   map[string]int64{},
		registry: prometheus.NewRegistry(),
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "picket_alert_latency_seconds", Buckets: buckets,
			Help: "From a fact's time by the host's clock to its alert in the store."}),
		request: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "picket_batch_seconds", Buckets: buckets,
			Help: "From a batch's last byte to its acknowledgement, the commit included."}),
	}
	s.registry.MustRegister(s, s.latency, s.request, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return s
}

// Registry is where Prometheus reads everything.
func (s *Set) Registry() *prometheus.Registry { return s.registry }

// Add adds n to the counter id.
func (s *Set) Add(id string, n int64) {
	if n == 0 {
		return
	}
	s.mu.Lock()
	s.counts[id] += n
	s.mu.Unlock()
}

// AlertLatency notes how long an alert took.
func (s *Set) AlertLatency(d time.Duration) { s.latency.Observe(d.Seconds()) }

// BatchTook notes how long a batch took.
func (s *Set) BatchTook(d time.Duration) { s.request.Observe(d.Seconds()) }

// Counters returns a copy of all counters.
func (s *Set) Counters() map[string]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.counts)
}

var events = prometheus.NewDesc("picket_events_total", "What the hub did and refused, by id.", []string{"id"}, nil)

// Describe implements prometheus.Collector.
func (s *Set) Describe(out chan<- *prometheus.Desc) { out <- events }

// Collect implements prometheus.Collector.
func (s *Set) Collect(out chan<- prometheus.Metric) {
	for id, n := range s.Counters() {
		out <- prometheus.MustNewConstMetric(events, prometheus.CounterValue, float64(n), id)
	}
}
