package queue

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"picket.internal/fact"
)

const testHost = "h_abcdefghijklmnopqrstuvwxyz"

var testTime = time.Date(2026, 11, 23, 12, 0, 0, 123456789, time.UTC)

func canaryFact(id string) *fact.Fact {
	return &fact.Fact{Time: testTime, Kind: fact.KindCanary, Canary: &fact.Canary{Action: fact.CanaryRead, ID: id, Path: "/srv/" + id}}
}

func processFact(pid int64) *fact.Fact {
	return &fact.Fact{Time: testTime, Kind: fact.KindProcess, Process: &fact.Process{Action: fact.ProcessStart, PID: pid, Executable: "/usr/bin/true"}}
}

func packageFact(name string) *fact.Fact {
	return &fact.Fact{Time: testTime, Kind: fact.KindPackage, Package: &fact.Package{Action: fact.Added, Name: name}}
}

func metricFact() *fact.Fact {
	return &fact.Fact{Time: testTime, Kind: fact.KindMetric, Metric: &fact.Metric{}}
}

func binaryFact(sha string) *fact.Fact {
	return &fact.Fact{Time: testTime, Kind: fact.KindBinary, Binary: &fact.Binary{Action: fact.BinaryHeartbeat, Path: "/x", Hash: &fact.Hash{SHA256: sha}}}
}

func sensorFact(action string) *fact.Fact {
	return &fact.Fact{Time: testTime, Kind: fact.KindSensor, Sensor: &fact.Sensor{Action: action}}
}

// short names a fact for comparisons: C:aws, P:7, I:vim, M, L:metric:3, ...
func short(t *testing.T, raw []byte) string {
	t.Helper()
	f, unknown, err := fact.Parse(raw)
	if err != nil || len(unknown) > 0 {
		t.Fatalf("a queued fact does not parse: %v %v\n%s", err, unknown, raw)
	}
	if err := f.Validate(); err != nil {
		t.Fatalf("a queued fact is not valid: %v\n%s", err, raw)
	}
	switch {
	case f.Canary != nil:
		return "C:" + f.Canary.ID
	case f.Process != nil:
		return fmt.Sprintf("P:%d", f.Process.PID)
	case f.Package != nil:
		return "I:" + f.Package.Name
	case f.Metric != nil:
		return "M"
	case f.Binary != nil:
		return "B:" + f.Binary.Hash.SHA256[:1]
	case f.Sensor != nil && f.Sensor.Action == fact.SensorLoss:
		name := fmt.Sprintf("L:%s:%s:%d", f.Sensor.Cause, f.Sensor.Class, f.Sensor.Count)
		if f.Sensor.Reason != "" {
			name += ":" + f.Sensor.Reason
		}
		return name
	case f.Sensor != nil:
		return "S:" + f.Sensor.Action
	}
	t.Fatalf("what is this fact? %s", raw)
	return ""
}

// takeAll takes and settles parcels until nothing waits.
func takeAll(t *testing.T, q *Queue) []string {
	t.Helper()
	var names []string
	for p := q.Take(); p != nil; p = q.Take() {
		for _, it := range p.items {
			names = append(names, short(t, it.raw))
		}
		q.Settle(p, nil)
	}
	return names
}

func TestQueueEvictsTheLeastFirst(t *testing.T) {
	many := func(n int, f func(i int) *fact.Fact) []*fact.Fact {
		var all []*fact.Fact
		for i := range n {
			all = append(all, f(i))
		}
		return all
	}
	metrics := func(n int) []*fact.Fact { return many(n, func(int) *fact.Fact { return metricFact() }) }
	processes := func(n int) []*fact.Fact {
		return many(n, func(i int) *fact.Fact { return processFact(int64(i + 1)) })
	}
	packages := func(n int) []*fact.Fact {
		return many(n, func(i int) *fact.Fact { return packageFact(fmt.Sprint(i + 1)) })
	}
	canaries := func(id string, n int) []*fact.Fact {
		return many(n, func(int) *fact.Fact { return canaryFact(id) })
	}
	join := func(lists ...[]*fact.Fact) []*fact.Fact {
		var all []*fact.Fact
		for _, l := range lists {
			all = append(all, l...)
		}
		return all
	}
	// Six places, two of them for critical facts alone.
	limits := Limits{Facts: 6, ReservedFacts: 2}
	tests := []struct {
		name string
		emit []*fact.Fact
		want string // what the hub gets, in order
	}{
		{"nothing is lost while there is room", join(metrics(2), packages(1), processes(1), canaries("a", 2)), "M M I:1 P:1 C:a C:a"},
		{"the oldest metric goes for a newer", join(metrics(5)), "M M M M L:queue_evicted:metric:1"},
		{"metrics go first", join(processes(2), metrics(2), packages(2)), "P:1 P:2 I:1 I:2 L:queue_evicted:metric:2"},
		{"then inventory", join(packages(3), processes(3)), "I:3 P:1 P:2 P:3 L:queue_evicted:inventory:2"},
		{"then process facts, the oldest first", join(processes(6)), "P:3 P:4 P:5 P:6 L:queue_evicted:process:2"},
		{"a metric pushes out no inventory", join(packages(4), metrics(3)), "I:1 I:2 I:3 I:4 L:queue_evicted:metric:3"},
		{"inventory pushes out no process", join(processes(4), packages(1)), "P:1 P:2 P:3 P:4 L:queue_evicted:inventory:1"},
		{"ordinary facts leave the reserve alone", join(processes(4), canaries("a", 2)), "P:1 P:2 P:3 P:4 C:a C:a"},
		{"critical facts take every place", join(metrics(2), packages(1), processes(1), canaries("a", 4)), "I:1 P:1 C:a C:a C:a C:a L:queue_evicted:metric:2"},
		{"down to the last process", join(processes(2), canaries("a", 6)), "C:a C:a C:a C:a C:a C:a L:queue_evicted:process:2"},
		{"full of critical facts, nothing else gets in", join(canaries("a", 6), processes(1), metrics(1)),
			"C:a C:a C:a C:a C:a C:a L:queue_evicted:process:1 L:queue_evicted:metric:1"},
		{"a flood of one canary is cut at its newest", join(canaries("a", 9)), "C:a C:a C:a C:a C:a C:a L:queue_evicted:critical:3"},
		{"and hides no other", join(canaries("a", 9), canaries("b", 1)), "C:a C:a C:a C:a C:a C:b L:queue_evicted:critical:4"},
		{"also not one from before", join(canaries("b", 1), canaries("a", 9)), "C:b C:a C:a C:a C:a C:a L:queue_evicted:critical:4"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			q := New(Config{Host: testHost, Limits: limits})
			for _, f := range tt.emit {
				q.Emit(f)
			}
			got := strings.Join(takeAll(t, q), " ")
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("facts taken (-want +got):\n%s", diff)
			}
		})
	}
}

func TestQueueBoundsBytes(t *testing.T) {
	limits := Limits{Facts: 1 << 20, Bytes: 20 << 10, ReservedBytes: 5 << 10}
	q := New(Config{Host: testHost, Limits: limits})
	for i := range 1000 {
		f := processFact(int64(i + 1))
		f.Process.CommandLine = strings.Repeat("x", i)
		q.Emit(f)
		if _, bytes := q.size(); bytes > limits.Bytes-limits.ReservedBytes {
			t.Fatalf("after %d facts %d bytes wait, over the bound of %d", i+1, bytes, limits.Bytes-limits.ReservedBytes)
		}
	}
	for range 100 {
		q.Emit(canaryFact("a"))
	}
	facts, bytes := q.size()
	if bytes > limits.Bytes || facts < 100 {
		t.Errorf("%d facts of %d bytes wait, want 100 or more canaries within %d bytes", facts, bytes, limits.Bytes)
	}
	if n := q.lanes[critical].len(); n != 100 || q.dropped[critical] != 0 {
		t.Errorf("%d canaries wait and %d were dropped, want 100 and 0", n, q.dropped[critical])
	}
}

func TestQueueRefusesWhatNoBatchHolds(t *testing.T) {
	q := New(Config{Host: testHost, Limits: Limits{}})
	huge := canaryFact("a")
	huge.Canary.Path = strings.Repeat("/x", ParcelBytes)
	q.Emit(huge)
	q.Emit(nil)
	q.Emit(canaryFact("b"))
	names := takeAll(t, q)
	var lost, kept int
	for _, n := range names {
		switch {
		case strings.HasPrefix(n, "L:malformed:critical:1:"):
			lost++
		case n == "C:b":
			kept++
		}
	}
	if lost != 1 || kept != 1 || len(names) != 2 {
		t.Errorf("got %q, want one loss with its reason and the good fact", names)
	}
}

func TestQueueNumbersFacts(t *testing.T) {
	q := New(Config{Host: testHost, Limits: Limits{Facts: 6, ReservedFacts: 2}})
	mine := metricFact()
	for range 7 {
		q.Emit(mine)
	}
	if diff := cmp.Diff(metricFact(), mine); diff != "" {
		t.Errorf("Emit changed the caller's fact (-want +got):\n%s", diff)
	}
	p := q.Take()
	var seqs []uint64
	ids := make(map[string]bool)
	for _, it := range p.items {
		f, _, err := fact.Parse(it.raw)
		if err != nil {
			t.Fatal(err)
		}
		seqs = append(seqs, f.Seq)
		ids[f.ID] = true
		if f.Host.ID != testHost {
			t.Errorf("host.id is %q, want %q", f.Host.ID, testHost)
		}
	}
	// 1 to 3 were evicted, and 8 is the loss fact that says so.
	if diff := cmp.Diff([]uint64{4, 5, 6, 7, 8}, seqs); diff != "" {
		t.Errorf("seq (-want +got):\n%s", diff)
	}
	if len(ids) != 5 {
		t.Errorf("%d different ids among 5 facts", len(ids))
	}
	if want := [classes]uint64{metric: 3}; p.dropped != want {
		t.Errorf("dropped is %v, want %v", p.dropped, want)
	}
}

func TestQueueTellsHeartbeatsFromNews(t *testing.T) {
	a, b := strings.Repeat("a", 64), strings.Repeat("b", 64)
	tests := []struct {
		name string
		fact *fact.Fact
		want class
	}{
		{"the first binary fact", binaryFact(a), critical},
		{"the same again", binaryFact(a), metric},
		{"another hash", binaryFact(b), critical},
		{"and back", binaryFact(a), critical},
		{"a heartbeat", sensorFact(fact.SensorHeartbeat), metric},
		{"what the sensor takes", sensorFact(fact.SensorResource), metric},
		{"a start", sensorFact(fact.SensorStart), critical},
		{"a loss", sensorFact(fact.SensorLoss), critical},
		{"a login", &fact.Fact{Kind: fact.KindLogin, Login: &fact.Login{}}, process},
		{"a receipt", &fact.Fact{Kind: fact.KindReceipt, Receipt: &fact.Receipt{}}, critical},
		{"a snapshot", &fact.Fact{Kind: fact.KindSnapshot, Snapshot: &fact.Snapshot{}}, inventory},
		{"a kind of a later version", &fact.Fact{Kind: "weather"}, inventory},
	}
	q := New(Config{Host: testHost, Limits: Limits{}})
	for _, tt := range tests {
		if got := q.classify(tt.fact); got != tt.want {
			t.Errorf("%s is %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestQueueTakesWithinABatch(t *testing.T) {
	q := New(Config{Host: testHost, Limits: Limits{Facts: 5000, Bytes: 16 << 20}})
	for i := range 2500 {
		q.Emit(processFact(int64(i)))
	}
	q.Emit(canaryFact("late"))
	p := q.Take()
	if len(p.items) != ParcelFacts {
		t.Errorf("a batch of %d facts, want %d", len(p.items), ParcelFacts)
	}
	if last := short(t, p.items[len(p.items)-1].raw); last != "C:late" {
		t.Errorf("the first batch ends with %s, want the canary that came last", last)
	}
	if again := q.Take(); again != p {
		t.Error("take gave out a second parcel before the first was settled")
	}
	q.Settle(p, nil)

	for range 100 {
		f := processFact(1)
		f.Process.CommandLine = strings.Repeat("x", 10_000)
		q.Emit(f)
	}
	for p := q.Take(); p != nil; p = q.Take() {
		bytes := 0
		for _, it := range p.items {
			bytes += len(it.raw) + 1
		}
		if bytes > batchRoom || bytes != p.bytes {
			t.Errorf("a batch of %d bytes (counted: %d), over the bound of %d", bytes, p.bytes, batchRoom)
		}
		q.Settle(p, nil)
	}
}

func TestQueueMergesLosses(t *testing.T) {
	q := New(Config{Host: testHost, Limits: Limits{Facts: 2, ReservedFacts: 1}})
	for range 4 {
		q.Emit(metricFact()) // three are lost
	}
	p := q.Take() // the last metric, and a loss of three
	for range 3 {
		q.Emit(metricFact()) // two more, while the first loss is on its way
	}
	q.SettleRefused(p, "batch.bad")
	// The loss of the refused batch waits again, with what came meanwhile; the
	// metric of the refused batch has a reason of its own.
	want := "M L:queue_evicted:metric:5 L:batch_refused:metric:1:batch.bad"
	if got := strings.Join(takeAll(t, q), " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if want := uint64(6); q.Stats().Dropped != want {
		t.Errorf("dropped is %d, want %d", q.Stats().Dropped, want)
	}
}

func TestQueueCountsSingleRefusals(t *testing.T) {
	q := New(Config{Host: testHost, Limits: Limits{}})
	for i := range 3 {
		q.Emit(processFact(int64(i)))
	}
	q.Settle(q.Take(), map[int]string{1: "fact.bad_hash"})
	want := "L:batch_refused:process:1:fact.bad_hash"
	if got := strings.Join(takeAll(t, q), " "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestLossesAreBounded: reasons come from outside, and must not fill memory.
func TestLossesAreBounded(t *testing.T) {
	var l ledger
	for i := range 10_000 {
		l.note(lossKey{cause: fact.LossBatchRefused, class: class(i % classes), reason: fmt.Sprintf("%d%s", i, strings.Repeat("é", 500))}, testTime)
	}
	var sum int64
	for _, entry := range l {
		sum += entry.count
		if _, err := entry.fact().Encode(); err != nil || len(entry.reason) > maxReason {
			t.Errorf("a loss with a reason of %d bytes: %v", len(entry.reason), err)
		}
	}
	if len(l) > maxLosses+classes || sum != 10_000 {
		t.Errorf("%d entries for %d losses, want at most %d for 10000", len(l), sum, maxLosses+classes)
	}
}

func TestQueueDue(t *testing.T) {
	const flush = time.Second
	q := New(Config{Host: testHost, Limits: Limits{Facts: 100, ReservedFacts: 20}})
	if ready, wait := q.due(time.Now(), flush); ready || wait >= 0 {
		t.Errorf("an empty queue is due: %v, %v", ready, wait)
	}
	q.Emit(processFact(1))
	start := time.Now()
	if ready, wait := q.due(start, flush); ready || wait <= 0 || wait > flush {
		t.Errorf("one fact: due %v, wait %v", ready, wait)
	}
	if ready, _ := q.due(start.Add(flush), flush); !ready {
		t.Error("one fact after the flush time is not due")
	}
	for range 39 {
		q.Emit(processFact(1))
	}
	if ready, _ := q.due(time.Now(), time.Hour); !ready {
		t.Error("half a queue of facts is not due: waiting for more would lose some")
	}
	takeAll(t, q)
	q.Emit(canaryFact("a"))
	if ready, _ := q.due(time.Now(), time.Hour); !ready {
		t.Error("a canary is not due at once")
	}
}

func TestQueueEmitIsSafeForConcurrentUse(t *testing.T) {
	q := New(Config{Host: testHost, Limits: Limits{Facts: 50, ReservedFacts: 10}})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 200 {
				q.Emit(processFact(int64(i)))
				q.Emit(canaryFact("a"))
				q.Stats()
			}
		})
	}
	var taken int64
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	count := func() {
		for p := q.Take(); p != nil; p = q.Take() {
			for _, it := range p.items {
				if it.loss != nil {
					taken += it.loss.count
				} else {
					taken++
				}
			}
			q.Settle(p, nil)
		}
	}
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		count()
	}
	if taken != 8*400 {
		t.Errorf("%d facts arrived or were counted as lost, want %d", taken, 8*400)
	}
}

func BenchmarkEmit(b *testing.B) {
	sha := strings.Repeat("a", 64)
	full := &fact.Fact{Time: testTime, Kind: fact.KindProcess, Process: &fact.Process{
		Action: fact.ProcessStart, EntityID: "0123456789abcdef", PID: 4711, StartTicks: 123456, Start: "2026-11-23T12:00:00Z",
		Name: "nginx", Executable: "/usr/sbin/nginx", ExecutableKind: fact.ExecutableFile, Hash: &fact.Hash{SHA256: sha}, HashStatus: fact.HashOK,
		Args: []string{"nginx", "-g", "daemon off;"}, CommandLine: "nginx -g daemon off;", WorkingDirectory: "/",
		Parent: &fact.Parent{EntityID: "0123456789abcdef", PID: 1, Name: "systemd", Executable: "/usr/lib/systemd/systemd"},
	}, User: &fact.User{ID: "33", Name: "www-data"}}
	for _, bench := range []struct {
		name string
		fact *fact.Fact
	}{{"canary", canaryFact("aws")}, {"process", full}, {"metric", metricFact()}} {
		b.Run(bench.name, func(b *testing.B) {
			q := New(Config{Host: testHost, Limits: Limits{}})
			b.ReportAllocs()
			for b.Loop() {
				q.Emit(bench.fact)
			}
			p := q.Take()
			b.ReportMetric(float64(p.bytes)/float64(len(p.items)), "bytes/fact")
		})
	}
}
