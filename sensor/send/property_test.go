package send_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"picket.internal/fact"
	"picket.internal/sensor/send"
)

// TestEveryFactIsStoredOnceOrCounted is the promise of the package, held
// against random faults and restarts of the hub: of all the facts emitted,
// each is stored exactly once, or counted in exactly one loss fact that is
// stored itself.
func TestEveryFactIsStoredOnceOrCounted(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			hub, id := newTestHub(t)
			hub.fault = randomFaults(rand.New(rand.NewPCG(seed, 1)))
			queue := send.NewQueue(id.Host, send.Limits{Facts: 200, ReservedFacts: 40})
			s := run(t, id, func(c *send.Config) { c.Queue, c.RequestTimeout = queue, 50*time.Millisecond })

			emitted := emitForAWhile(queue, hub, random)
			hub.set(none)
			hub.start()
			hub.await("every fact", func() bool {
				stored, lost := tally(t, hub.facts)
				return stored+lost >= emitted
			})
			s.stop()

			stored, lost := tally(t, hub.facts)
			if stored+lost != emitted {
				t.Errorf("%d stored and %d counted as lost, of %d emitted", stored, lost, emitted)
			}
			if stored == 0 || lost == 0 {
				t.Errorf("%d stored, %d lost: the test tried too little", stored, lost)
			}
			d := hub.last.Dropped
			if sum := d.Critical + d.Process + d.Inventory + d.Metric; sum != uint64(lost) {
				t.Errorf("the last batch says that %d were dropped, the loss facts say %d", sum, lost)
			}
		})
	}
}

// randomFaults is no fault in one of three cases, and any other in the rest.
func randomFaults(random *rand.Rand) func(int) fault {
	kinds := []fault{
		status400, status403, status409, status429, status503, hangUp, storeHangUp, badAck, otherAck, slow, redirect, refuseFact,
	}
	return func(int) fault {
		if i := random.IntN(len(kinds) * 3 / 2); i < len(kinds) {
			return kinds[i]
		}
		return none
	}
}

// emitForAWhile emits from four goroutines while the hub comes and goes, and
// leaves it stopped.
func emitForAWhile(queue *send.Queue, hub *testHub, random *rand.Rand) (emitted int) {
	const each = 1000
	var wg sync.WaitGroup
	for g := range int64(4) {
		pauses := rand.New(rand.NewPCG(random.Uint64(), 0))
		wg.Go(func() {
			for i := range int64(each) {
				number := g*each + i + 1
				switch i % 3 {
				case 0:
					f := canary("a")
					f.Process = &fact.Process{PID: number}
					queue.Emit(f)
				default:
					queue.Emit(process(number))
				}
				if i%50 == 0 {
					time.Sleep(time.Duration(pauses.IntN(5)) * time.Millisecond)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for {
		hub.start()
		up := time.After(time.Duration(5+random.IntN(20)) * time.Millisecond)
		select {
		case <-done:
			hub.stop()
			return 4 * each
		case <-up:
			hub.stop()
		}
	}
}

// tally counts the facts that are stored and those that loss facts tell of,
// and fails when one is stored twice.
func tally(t *testing.T, facts []*fact.Fact) (stored, lost int) {
	t.Helper()
	seen := make(map[int64]bool, len(facts))
	ids := make(map[string]bool, len(facts))
	for _, f := range facts {
		if ids[f.ID] {
			t.Errorf("fact %s is stored twice", f.ID)
		}
		ids[f.ID] = true
		if f.Kind == fact.KindSensor {
			lost += int(f.Sensor.Count)
			continue
		}
		if seen[f.Process.PID] {
			t.Errorf("the fact of process %d is stored twice", f.Process.PID)
		}
		seen[f.Process.PID] = true
	}
	return len(seen), lost
}
