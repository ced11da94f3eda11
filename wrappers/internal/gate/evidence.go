//go:build linux

package gate

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"picket.internal/eat"
	"picket.internal/eat/sealing"
	"picket.internal/wrappers/internal/action"
	"picket.internal/wrappers/internal/action/evidence"
)

// parcel is a bundle that is to be printed: its id, how many chunks it has, and
// with which of them to begin.
type parcel struct {
	id         string
	from, size int64
}

// announce says in the receipt of a bundle how many chunks of it follow, or why
// none do.
func (h *host) announce(t eat.Token, effect action.Effect) {
	a, ok := t.Args.(eat.CollectEvidence)
	size, err := strconv.ParseInt(effect["bytes"], 10, 64)
	switch {
	case !ok || err != nil:
	case len(h.trust.EvidenceKey) == 0:
		effect["chunks"], effect["kept_here"] = "0", "/"+trustFile+" has no evidence_key to seal it to"
	default:
		effect["chunks"] = strconv.FormatInt(eat.Chunks(size), 10)
		h.parcel = &parcel{id: effect["id"], from: a.From, size: size}
	}
}

// handOverTime is how long all of a bundle may take to be read: a process of
// root's must not wait for ever for whoever carries it.
const handOverTime = 15 * time.Minute

// handOver prints the chunks of a bundle, sealed to the hub, one a line. It is
// called without the lock: everything that must be kept is on the disk.
func (h *host) handOver(out io.Writer) error {
	if h.parcel == nil {
		return nil
	}
	f, err := evidence.Open(h.root, h.parcel.id)
	if err != nil {
		return err
	}
	defer f.Close()
	defer time.AfterFunc(handOverTime, func() { os.Exit(1) }).Stop()
	data := make([]byte, eat.ChunkBytes)
	for n, last := h.parcel.from, eat.Chunks(h.parcel.size)-1; n <= last; n++ {
		part := data[:min(eat.ChunkBytes, h.parcel.size-n*eat.ChunkBytes)]
		if _, err := f.ReadAt(part, n*eat.ChunkBytes); err != nil {
			return fmt.Errorf("read the evidence of %s: %w", h.parcel.id, err)
		}
		sealed, err := sealing.Seal(eat.Chunk{Number: n, Host: h.Host, Token: h.parcel.id, Last: n == last}, part, h.trust.EvidenceKey)
		if err != nil {
			return err
		}
		line, err := sealed.Encode()
		if err != nil {
			return err
		}
		if _, err := out.Write(append(line, '\n')); err != nil {
			return fmt.Errorf("write the evidence of %s: %w", h.parcel.id, err)
		}
	}
	return nil
}
