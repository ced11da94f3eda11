package send

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"picket.internal/sensor/queue"
	"picket.internal/wire"
)

// gzipFrom is the size from which a body is compressed.
const gzipFrom = 1 << 10

// chain is where a session stands: what the next batch is numbered and follows.
type chain struct {
	session string
	seq     uint64
	prev    string
}

// newChain begins a session of a name that nobody else has.
func newChain() chain {
	return chain{session: wire.NewSession(), seq: 1, prev: wire.FirstPrev}
}

// advance moves on, once the hub has the batch. A batch that it refused leaves
// no trace in the chain: the next one takes its number.
func (c *chain) advance(b *batch) {
	c.seq++
	c.prev = b.digest
}

// batch is a parcel as it is sent, sealed once: every try sends the same bytes.
type batch struct {
	wire.Batch        // what an acknowledgement must name; the facts are let go
	facts      int    // how many there are
	digest     string // of the payload
	body       []byte // the envelope, compressed where that is worth it
	compressed bool
}

// seal makes the next batch of the session.
func (s *Sender) seal(p *queue.Parcel) (*batch, error) {
	b := wire.Batch{
		Host:    s.cfg.Identity.Host,
		Hub:     s.cfg.Identity.Hub,
		Boot:    s.cfg.Boot,
		Session: s.chain.session,
		Seq:     s.chain.seq,
		Prev:    s.chain.prev,
		Sent:    time.Now().UTC(),
		Sensor:  wire.SensorInfo{Version: s.cfg.Version},
		Dropped: wire.Dropped(p.Dropped()),
		Facts:   make([]jsontext.Value, p.Len()),
	}
	for i := range b.Facts {
		b.Facts[i] = p.Raw(i)
	}
	sealed, digest, err := wire.Seal(&b, s.cfg.Identity.Key)
	if err != nil {
		return nil, fmt.Errorf("sealing batch: %w", err)
	}
	b.Facts = nil
	out := &batch{Batch: b, facts: p.Len(), digest: digest, body: sealed}
	if len(sealed) > gzipFrom {
		out.body, out.compressed = s.compress(sealed), true
	}
	return out, nil
}

// compress is gzip at its fastest; one compressor is kept, because a new one
// costs a megabyte.
func (s *Sender) compress(data []byte) []byte {
	var buf bytes.Buffer
	if s.gzip == nil {
		s.gzip, _ = gzip.NewWriterLevel(&buf, gzip.BestSpeed) // the level is a valid one
	} else {
		s.gzip.Reset(&buf)
	}
	s.gzip.Write(data) // a Buffer takes everything
	s.gzip.Close()
	s.gzip.Reset(io.Discard) // which lets go of buf
	return buf.Bytes()
}
