package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"picket.internal/sensor/watch"
)

// session is one connection as the watching side sees it. What it reads is all
// that a sender can make a watcher do.
type session struct {
	conn   *conn
	orders watch.Obeyer
	taken  chan uint64   // what the sender says it has; only the newest counts
	ended  chan struct{} // closed when nothing is read any more
	err    error         // why, read after ended; nil where the sender closed it
	bye    bool          // the sender left nothing behind, read after ended
}

// listen reads until the connection ends.
func (s *session) listen() {
	ctx := context.Background() // closing the connection ends it
	defer close(s.ended)
	defer s.conn.Close()
	for {
		f, err := s.conn.read(ctx, 0)
		switch {
		case errors.Is(err, io.EOF):
			return
		case err != nil:
			s.err = fmt.Errorf("reading from the sender: %w", err)
			return
		case f.Taken != nil:
			s.note(f.Taken.Number)
		case f.Order != nil:
			if s.orders != nil {
				s.orders.Obey(*f.Order)
			}
		case f.Bye:
			s.bye = true
			return
		default:
			s.err = fmt.Errorf("%w: the sender sent what a watcher does not take", ErrMalformed)
			return
		}
	}
}

// note passes on what was taken, without waiting for anybody.
func (s *session) note(n uint64) {
	select {
	case <-s.taken:
	default:
	}
	s.taken <- n
}

// over tells whether the connection has ended.
func (s *session) over() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

// pause waits, or less where ctx ends first.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
