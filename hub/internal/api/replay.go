package api

import (
	"encoding/json"
	"fmt"
	"net/http"

	types "picket.internal/api"
	"picket.internal/hub/internal/fault"
)

// maxReplays is how many replays are read at once: each keeps a processor busy.
const maxReplays = 2

var errReplays = &fault.Fault{ID: "api.too_many_replays", Status: http.StatusServiceUnavailable, Detail: "other replays are under way"}

// replayFacts streams the log, a batch a line, as fast as the asker takes it.
// It has no deadline but the asker's own: a year of facts takes its time.
func (h *Handler) replayFacts(r *http.Request, out *reply) error {
	q, err := types.ParseReplayQuery(r.URL.Query())
	if err != nil {
		return err
	}
	select {
	case h.replays <- struct{}{}:
		defer func() { <-h.replays }()
	default:
		return errReplays
	}
	begin := func(batches int64) error {
		return out.flushed(&types.ReplayEvent{Event: types.ReplayBegin, Batches: batches})
	}
	end, err := h.reader.Replay(r.Context(), q, begin, func(b *types.LogBatch) error {
		line, err := batchLine(b)
		if err != nil {
			return err
		}
		return out.raw(types.TypeStream, line)
	})
	if err != nil {
		return fmt.Errorf("replaying facts: %w", err)
	}
	return out.line(&end)
}

// batchLine is a batch as JSON. Its facts are put in as they are: they were
// checked when they came, and checking each again would take longer than
// everything else here together.
func batchLine(b *types.LogBatch) ([]byte, error) {
	size := 512
	for _, f := range b.Facts {
		size += len(f) + 1
	}
	head := *b
	head.Received, head.Facts = b.Received.UTC(), nil
	line, err := json.Marshal(struct {
		types.LogBatch
		Facts any `json:"facts,omitempty"` // stands in the place of the batch's own
	}{LogBatch: head})
	if err != nil {
		return nil, fmt.Errorf("encoding %T: %w", b, err)
	}
	out := make([]byte, 0, size)
	out = append(out, line[:len(line)-1]...)
	out = append(out, `,"facts":[`...)
	for i, f := range b.Facts {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, f...)
	}
	return append(out, "]}\n"...), nil
}
