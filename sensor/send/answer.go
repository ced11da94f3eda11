package send

import (
	"fmt"
	"strconv"
	"time"

	"picket.internal/envelope"
	"picket.internal/wire"
)

// The statuses that mean something here, RFC 9110 section 15. net/http, which
// has names for them, is not part of the sensor.
const (
	statusOK            = 200
	statusNoContent     = 204
	statusRedirects     = 300 // and up to the next hundred
	statusBadRequest    = 400
	statusUnauthorized  = 401
	statusForbidden     = 403
	statusConflict      = 409
	statusTooLarge      = 413
	statusUnprocessable = 422
	statusTooMany       = 429
	statusServer        = 500 // and above it is the hub's fault
	statusUnavailable   = 503
)

// verdict is what an answer means for the batch.
type verdict uint8

const (
	failed  verdict = iota // nothing that the hub is known to have said: try again
	acked                  // the hub has it on disk, and signed that
	refused                // it will never take this batch
	unknown                // it does not know this host, or has disabled it
	forked                 // it holds another batch of this number
	later                  // it asks to come again
)

// String is what becomes of the batch, for the log.
func (v verdict) String() string {
	switch v {
	case acked:
		return "taken"
	case refused:
		return "lost"
	case unknown:
		return "kept, tried again slowly"
	case forked:
		return "kept, sent in a new session"
	case later:
		return "kept, tried again when asked to"
	}
	return "kept, tried again"
}

// answer is the outcome of one try.
type answer struct {
	verdict    verdict
	ack        *wire.Ack     // of acked
	retryAfter time.Duration // of later, as the hub asked; may be 0
	id         string        // otherwise: a stable error id
	detail     string        // and the words that go with it
}

// judge tells what a reply to a batch means. Only an acknowledgement that the
// hub's key has signed, and that names this very batch, lets go of facts.
func judge(r reply, b *batch, hub envelope.PublicKey) answer {
	if r.status == statusOK {
		ack, err := openAck(r.body, b, hub)
		if err != nil {
			return answer{verdict: failed, id: errorID(err), detail: err.Error()}
		}
		return answer{verdict: acked, ack: ack}
	}
	a := answer{verdict: failed}
	a.id, a.detail = explain(r)
	switch r.status {
	case statusBadRequest, statusTooLarge, statusUnprocessable:
		a.verdict = refused
	case statusUnauthorized, statusForbidden:
		a.verdict = unknown
	case statusConflict:
		a.verdict = forked
	case statusTooMany, statusUnavailable:
		a.verdict = later
		a.retryAfter = retryAfter(r.retryAfter)
	}
	return a
}

// explain is the error id of a reply that is no success, and the words that
// go with it.
func explain(r reply) (id, detail string) {
	if r.status/100 == statusRedirects/100 {
		return wire.ErrRedirectRefused.ID, ""
	}
	if p, err := wire.ParseProblem(r.body); err == nil {
		return p.ID, p.Detail
	}
	return fmt.Sprintf("http.%d", r.status), ""
}

func openAck(body []byte, b *batch, hub envelope.PublicKey) (*wire.Ack, error) {
	ack, err := wire.OpenAck(body, hub)
	if err != nil {
		return nil, fmt.Errorf("opening acknowledgement: %w", err)
	}
	if err := ack.Confirms(&b.Batch, b.digest); err != nil {
		return nil, err
	}
	for _, r := range ack.Refused {
		if r.Index >= b.facts {
			return nil, fmt.Errorf("%w: it refuses fact %d of %d", wire.ErrAckMismatch, r.Index, b.facts)
		}
	}
	return ack, nil
}

// retryAfter reads the header's seconds. A date is not taken: it would make the
// wait a matter of two clocks.
func retryAfter(header string) time.Duration {
	seconds, err := strconv.ParseUint(header, 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// errorID is the stable id of an error of ours, or that of any failed try.
func errorID(err error) string {
	if id := wire.ErrorID(err); id != "" {
		return id
	}
	return "net.failed"
}
