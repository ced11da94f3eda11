package launch

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	"picket.internal/eat"
)

// Carry is given what a wrapper prints behind its receipts: the chunks of a
// bundle of evidence, one at a time as they come. With the first come the
// receipts before it, which Launch then does not return. The chunk is only good
// until Carry returns, and the wrapper waits so long. Where more is false the
// rest is not wanted, and the wrapper is left to notice.
type Carry func(receipts [][]byte, chunk []byte) (more bool)

// errEnough ends the reading of what nobody wants.
var errEnough = errors.New("the rest is not wanted")

// output reads what a wrapper prints.
type output struct {
	carry Carry
	// going is called with each chunk: the wrapper has acted, and is only heard out.
	going func()

	receipts [][]byte
	bytes    int
	chunks   int64
	well     bool // an empty line came, which a wrapper that does not fail prints
}

// read reads to the end. Receipts are not looked into: the hub verifies them. A
// line that is no object would only have it refuse the others.
func (o *output) read(r io.Reader) error {
	lines := bufio.NewReaderSize(r, eat.MaxChunk+2)
	for {
		line, err := lines.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			return errLong
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			if err := o.take(line); err != nil {
				return err
			}
		} else if err == nil {
			o.well = true
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (o *output) take(line []byte) error {
	if eat.IsChunk(line) {
		if o.chunks++; o.chunks > eat.Chunks(eat.MaxEvidenceBytes) {
			return errLong
		}
		o.going()
		receipts := o.receipts
		o.receipts = nil
		if o.carry == nil || !o.carry(receipts, line) {
			return errEnough
		}
		return nil
	}
	if o.bytes += len(line); o.bytes > maxOutput {
		return errLong
	}
	if len(line) > 1 && line[0] == '{' && line[len(line)-1] == '}' && len(o.receipts) < maxReceipts {
		o.receipts = append(o.receipts, bytes.Clone(line))
	}
	return nil
}

// printed reports whether there was anything to read.
func (o *output) printed() bool { return len(o.receipts) > 0 || o.chunks > 0 }

// deadline is a context that ends after a while in which nothing was put off by
// the function that comes with it.
func (l *Launcher) deadline(parent context.Context) (ctx context.Context, putOff, cancel func()) {
	ctx, end := context.WithCancelCause(parent)
	timer := time.AfterFunc(l.within, func() { end(context.DeadlineExceeded) })
	return ctx, func() { timer.Reset(l.within) }, func() { timer.Stop(); end(nil) }
}
