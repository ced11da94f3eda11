package send

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"strconv"
	"sync"
	"time"

	"picket.internal/strictjson"
	"picket.internal/wire"
)

const (
	// maxReceipts and maxReceiptBytes bound what goes to the hub at once.
	maxReceipts     = 64
	maxReceiptBytes = 256 << 10
	// maxWaiting bounds the receipts that wait for the hub. What goes then is
	// not lost: root's spool has it, and each wrapper prints it again.
	maxWaiting = 256
	// maxReceiptsReply bounds the hub's answer.
	maxReceiptsReply = 4 << 10
)

// receipts are what wrappers printed and the hub has not yet taken. They are
// signed by a key of root's and are not looked into.
type receipts struct {
	mu      sync.Mutex
	waiting [][]byte
	known   map[[sha256.Size]byte]bool // of waiting
	log     int64
	closed  bool
	news    chan struct{} // told, with room for one, of each change
}

func newReceipts() *receipts {
	return &receipts{known: make(map[[sha256.Size]byte]bool), news: make(chan struct{}, 1)}
}

// add puts receipts at the end. Wrappers print old ones again: one that waits
// already is not taken twice.
func (r *receipts) add(printed [][]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, line := range printed {
		sum := sha256.Sum256(line)
		if r.known[sum] || len(line) > maxReceiptBytes {
			continue
		}
		if len(r.waiting) == maxWaiting {
			delete(r.known, sha256.Sum256(r.waiting[0]))
			r.waiting = r.waiting[1:]
		}
		r.known[sum] = true
		r.waiting = append(r.waiting, line)
	}
	r.tell()
}

// next is the body of the next request and how many receipts are in it; 0
// where none waits.
func (r *receipts) next() (body []byte, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, line := range r.waiting {
		if n == maxReceipts || len(body)+len(line)+1 > maxReceiptBytes {
			break
		}
		body = append(append(body, line...), '\n')
		n++
	}
	return body, n
}

// taken lets go of those of a body.
func (r *receipts) taken(body []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for line := range bytes.Lines(body) {
		line = line[:len(line)-1]
		sum := sha256.Sum256(line)
		if !r.known[sum] {
			continue // pushed out meanwhile
		}
		delete(r.known, sum)
		for i := range r.waiting {
			if bytes.Equal(r.waiting[i], line) {
				r.waiting = append(r.waiting[:i:i], r.waiting[i+1:]...)
				break
			}
		}
	}
}

// seen is the size of the log that the wrapper is known to have seen.
func (r *receipts) seen() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log
}

// close says that no more will come.
func (r *receipts) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	r.tell()
}

func (r *receipts) over() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}

func (r *receipts) tell() {
	select {
	case r.news <- struct{}{}:
	default:
	}
}

// bringBack sends receipts until there will be no more, and after that once.
func (o *Orders) bringBack(ctx, work context.Context) {
	wait := backoff{min: o.wait.min, max: o.wait.max}
	defer o.back.close()
	failing, at := "", 0
	for {
		body, n := o.receipts.next()
		over := o.receipts.over()
		if n == 0 {
			if over {
				return
			}
			o.back.close() // they are rare: a connection for them is not kept
			<-o.receipts.news
			continue
		}
		err := o.returnOnce(work, o.cfg.Addresses[at], body)
		if err == nil {
			o.receipts.taken(body)
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

// taking is the hub's answer: it has all receipts of the host up to a number.
type taking struct {
	V   int    `json:"v"`
	Seq uint64 `json:"seq,string"`
}

// returnOnce sends receipts once. Those that the hub refuses for good are done
// with too: their originals stay in root's spool.
func (o *Orders) returnOnce(ctx context.Context, address string, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	r, err := o.back.post(ctx, address, pathReceipts, body, false)
	if err != nil {
		return err
	}
	switch r.status {
	case statusOK:
		var t taking
		if err := strictjson.Decode(r.body, strictjson.Limits{Bytes: maxReceiptsReply, IntegersOnly: true}, &t, nil); err != nil {
			return err
		}
		o.log.Debug("the hub took receipts", "upto", strconv.FormatUint(t.Seq, 10))
		return nil
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

var errNoTrust = errors.New("there is no trust store")
