package send

import (
	"bytes"
	"context"
	"crypto/sha256"
	"strconv"
	"sync"
	"time"

	"picket.internal/eat"
	"picket.internal/fact"
	"picket.internal/sensor/send/launch"
	"picket.internal/wire"
)

const (
	// maxWaiting bounds the receipts that wait for the hub. What goes then is
	// not lost: root's spool has it, and each wrapper prints it again.
	maxWaiting = 256
	// sendTimeout bounds one try to bring receipts back.
	sendTimeout = 30 * time.Second
	// leaseRest is how long after the end of a lease its receipt is asked for:
	// root's timer ends leases every 15 s.
	leaseRest = 20 * time.Second
)

// spool is what wrappers printed and the hub has not yet taken.
type spool struct {
	mu      sync.Mutex
	waiting [][]byte
	known   map[[sha256.Size]byte]bool // of waiting
	log     int64                      // the size of the hub's log that the wrapper last said it saw
	leases  map[string]time.Time       // when the lease of each token ends, by its id
	closed  bool
	news    chan struct{} // told, with room for one, of each change of waiting
	ends    chan struct{} // and of leases
}

func newSpool() *spool {
	return &spool{
		known:  make(map[[sha256.Size]byte]bool),
		leases: map[string]time.Time{"": {}}, // one that is over: what was printed for nobody
		news:   make(chan struct{}, 1), ends: make(chan struct{}, 1),
	}
}

// add puts receipts at the end. Wrappers print old ones again: one that waits
// already is not taken twice.
func (s *spool) add(printed [][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, line := range printed {
		sum := sha256.Sum256(line)
		if s.known[sum] || len(line) > wire.MaxReceiptsBytes {
			continue
		}
		if len(s.waiting) == maxWaiting {
			delete(s.known, sha256.Sum256(s.waiting[0]))
			s.waiting = s.waiting[1:]
		}
		s.known[sum] = true
		s.waiting = append(s.waiting, line)
	}
	tell(s.news)
}

// next is the body of the next request and how many receipts are in it; 0
// where none waits.
func (s *spool) next() (body []byte, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, line := range s.waiting {
		if n == wire.MaxReceipts || len(body)+len(line)+1 > wire.MaxReceiptsBytes {
			break
		}
		body = append(append(body, line...), '\n')
		n++
	}
	return body, n
}

// taken lets go of those of a body.
func (s *spool) taken(body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for line := range bytes.Lines(body) {
		line = line[:len(line)-1]
		sum := sha256.Sum256(line)
		if !s.known[sum] {
			continue // pushed out meanwhile
		}
		delete(s.known, sum)
		for i := range s.waiting {
			if bytes.Equal(s.waiting[i], line) {
				s.waiting = append(s.waiting[:i:i], s.waiting[i+1:]...)
				break
			}
		}
	}
}

// seen is the size of the log that the wrapper is known to have seen.
func (s *spool) seen() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log
}

// close says that no more will come.
func (s *spool) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	tell(s.news)
}

func (s *spool) over() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

func tell(news chan struct{}) {
	select {
	case news <- struct{}{}:
	default:
	}
}

// keep takes what a wrapper printed. Receipts are the hub's to judge; here they
// only tell, where the wrapper's key can be read, how much of the log it has
// seen and when the next lease ends.
func (o *Orders) keep(printed [][]byte) {
	o.spool.add(printed)
	if o.cfg.WrapperKey == nil {
		return
	}
	key, err := o.cfg.WrapperKey()
	if err != nil {
		o.log.Debug("reading the wrapper's key", "error", err)
		return
	}
	for _, line := range printed {
		r, _, err := eat.OpenReceipt(line, key)
		if err != nil {
			id, detail := reasonOf(err)
			o.log.Warn("a receipt is not the wrapper's", "error", id, "detail", detail)
			continue
		}
		o.spool.note(r, time.Now())
	}
}

// note remembers what a receipt says of the log and of leases. One that has
// ended already is told by a receipt that comes with this one, or soon.
func (s *spool) note(receipt *eat.Receipt, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if size, err := strconv.ParseInt(receipt.Effect[eat.EffectLogSize], 10, 64); err == nil && size > s.log {
		s.log = size
	}
	switch {
	case receipt.Outcome == eat.OutcomeUndone, receipt.Outcome == eat.OutcomeAutoUndone:
		delete(s.leases, receipt.Token)
	case receipt.LeaseEnd.After(now) && len(s.leases) < maxWaiting:
		s.leases[receipt.Token] = receipt.LeaseEnd
		tell(s.ends)
	}
}

// due is how long it is until the receipt of a lease's end is to be had, and
// lets go of a lease where that is now; false where no lease is known.
func (s *spool) due(now time.Time) (time.Duration, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var first time.Time
	for id, end := range s.leases {
		if !now.Before(end.Add(leaseRest)) {
			delete(s.leases, id)
			return 0, true
		}
		if first.IsZero() || end.Before(first) {
			first = end
		}
	}
	return first.Add(leaseRest).Sub(now), !first.IsZero()
}

// collect has the wrapper print what root's timer wrote into its spool: once at
// the start, because nobody was there to hear it before, and after each lease.
func (o *Orders) collect(ctx context.Context) {
	for o.awaitDue(ctx) {
		printed, err := o.cfg.Launch(ctx, nil, nil)
		if ctx.Err() != nil {
			return
		}
		o.wellness(err)
		o.keep(printed)
	}
}

// wellness tells, once each time it changes, whether a wrapper can be reached: a
// host on which nobody can act must not look like one where nobody had to.
func (o *Orders) wellness(err error) {
	id, detail := "", ""
	if err != nil {
		id, detail = reasonOf(err)
	}
	// Where there is no receipt yet, the socket gives nothing.
	if id == launch.NoReceipt {
		id = ""
	}
	if id == o.unwell {
		return
	}
	reason := "the wrapper can be reached again"
	if o.unwell = id; id != "" {
		reason = "no emergency action can be done here: " + id + ": " + detail
	}
	o.log.Warn(reason)
	o.cfg.Report.Emit(&fact.Fact{Time: time.Now().UTC(), Kind: fact.KindSensor, Sensor: &fact.Sensor{Action: fact.SensorDegraded, Source: "launch", Reason: reason}})
}

// awaitDue returns when there is something to collect; false when ctx ended.
func (o *Orders) awaitDue(ctx context.Context) bool {
	for ctx.Err() == nil {
		wait, known := o.spool.due(time.Now())
		if known && wait <= 0 {
			return true
		}
		if !known {
			wait = time.Hour // nothing is; a note of a lease ends it
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-o.spool.ends:
		case <-ctx.Done():
		}
		t.Stop()
	}
	return false
}

// bringBack sends receipts until there will be no more, and after that once.
func (o *Orders) bringBack(ctx, work context.Context) {
	wait := backoff{min: o.wait.min, max: o.wait.max}
	defer o.back.close()
	failing, at := "", 0
	for {
		body, n := o.spool.next()
		over := o.spool.over()
		if n == 0 {
			if over {
				return
			}
			o.back.close() // they are rare: a connection for them is not kept
			<-o.spool.news
			continue
		}
		err := o.returnOnce(work, o.cfg.Addresses[at], body)
		if err == nil {
			o.spool.taken(body)
			wait.reset()
			failing = ""
			continue
		}
		if id := errorID(err); id != failing {
			failing = id
			o.log.Warn("the hub did not take receipts", "error", id, "detail", err.Error(), "address", o.cfg.Addresses[at])
		}
		if over || work.Err() != nil {
			return
		}
		at = (at + 1) % len(o.cfg.Addresses)
		pause(ctx, wait.next())
	}
}

// returnOnce sends receipts once. Those that the hub refuses for good are done
// with too: their originals stay in root's spool.
func (o *Orders) returnOnce(ctx context.Context, address string, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	r, err := o.back.post(ctx, address, wire.PathReceipts, body, false)
	if err != nil {
		return err
	}
	switch r.status {
	case statusOK:
		_, err := wire.ParseReceiptsReply(r.body)
		return err
	case statusBadRequest, statusTooLarge, statusUnprocessable:
		err := problem(r)
		o.log.Error("the hub refused receipts for good", "error", errorID(err), "detail", err.Error())
		return nil
	}
	return problem(r)
}

// problem is a reply that is no success, as an error.
func problem(r reply) error {
	id, detail := explain(r)
	return &wire.Problem{ID: id, Detail: detail}
}
