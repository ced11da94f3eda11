package replay

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"picket.internal/fact"
	"picket.internal/strictjson"
)

// Bounds of a file of facts.
const (
	maxLine  = 256 << 10  // bytes; a fact has at most 64 KiB
	maxLines = 20_000_000 // of which the order is kept in memory
	maxPiped = 256 << 20  // bytes of what cannot be read twice
	filePage = 500        // facts that are handed on at once
)

// line limits are those of a fact, one level down, and of what stands beside it.
var lineLimits = strictjson.Limits{Bytes: maxLine, Depth: 10, Items: 512}

// ParseLine reads a fact as `picket facts query --json` prints it, with the
// time at which the hub received it, or a bare fact, which counts as received
// when it happened. On an error there is no item.
func ParseLine(data []byte) (Item, error) {
	var line struct {
		Received time.Time      `json:"received,omitzero"`
		Kind     string         `json:"kind,omitempty"`
		Fact     jsontext.Value `json:"fact,omitempty"`
	}
	if err := strictjson.Decode(data, lineLimits, &line, func(string) {}); err != nil {
		return Item{}, err
	}
	raw := []byte(line.Fact)
	if line.Kind != "" {
		raw = data // a fact itself, whatever else it may carry
	}
	if len(raw) == 0 {
		return Item{}, errors.New("neither a fact nor a stored fact")
	}
	f, _, err := fact.Parse(raw)
	if err != nil {
		return Item{}, err
	}
	it := Item{Received: line.Received, Fact: f}
	if it.Received.IsZero() || line.Kind != "" {
		it.Received = f.Time
	}
	return it, nil
}

// File is a file of facts, one a line, in any order: what a query prints is the
// newest first. Only the order is kept in memory.
type File struct {
	name  string
	data  io.ReaderAt
	close func() error
	lines []lineAt
}

// lineAt is where a line lies and what decides its place in the log.
type lineAt struct {
	received, time int64 // Unix nanoseconds
	seq            uint64
	offset         int64
	length         int32
}

// OpenFile reads a file once, whole, and puts it in order: by when the hub
// received the facts, then by when they happened. A line that is no fact is an
// error that names it.
func OpenFile(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading facts: %w", err)
	}
	out := &File{name: path, data: f, close: f.Close}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		out.data, err = piped(f)
	}
	if err == nil {
		err = out.index()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("reading facts: %w", err), f.Close())
	}
	return out, nil
}

// piped is what comes through a pipe: it cannot be read twice, so it is kept.
func piped(r io.Reader) (io.ReaderAt, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxPiped+1))
	if err == nil && len(data) > maxPiped {
		err = fmt.Errorf("more than %d MiB through a pipe; write them to a file first", maxPiped>>20)
	}
	return bytes.NewReader(data), err
}

func (f *File) index() error {
	scanner := bufio.NewScanner(io.NewSectionReader(f.data, 0, 1<<62))
	scanner.Buffer(make([]byte, 0, 64<<10), maxLine)
	var offset, end int64
	scanner.Split(func(data []byte, atEOF bool) (int, []byte, error) {
		n, token, err := bufio.ScanLines(data, atEOF)
		offset, end = end, end+int64(n)
		return n, token, err
	})
	number := 0
	for scanner.Scan() {
		number++
		text := scanner.Bytes()
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		it, err := ParseLine(text)
		if err != nil {
			return fmt.Errorf("malformed fact at %s:%d: %w", f.name, number, err)
		}
		if len(f.lines) == maxLines {
			return fmt.Errorf("%s has more than %d facts", f.name, maxLines)
		}
		f.lines = append(f.lines, lineAt{it.Received.UnixNano(), it.Fact.Time.UnixNano(), it.Fact.Seq, offset, int32(len(text))})
	}
	if err := scanner.Err(); errors.Is(err, bufio.ErrTooLong) {
		return fmt.Errorf("malformed fact at %s:%d: a line of more than %d bytes", f.name, number+1, maxLine)
	} else if err != nil {
		return err
	}
	slices.SortStableFunc(f.lines, func(a, b lineAt) int {
		return cmp.Or(cmp.Compare(a.received, b.received), cmp.Compare(a.time, b.time), cmp.Compare(a.seq, b.seq))
	})
	return nil
}

// Len is how many facts there are.
func (f *File) Len() int { return len(f.lines) }

// Close lets the file go.
func (f *File) Close() error { return f.close() }

// Pages are the facts received from since to until, in the order of the log; a
// zero time is no bound.
func (f *File) Pages(since, until time.Time) iter.Seq2[[]Item, error] {
	lines := f.lines
	if !since.IsZero() {
		i, _ := slices.BinarySearchFunc(lines, since.UnixNano(), func(l lineAt, t int64) int { return cmp.Compare(l.received, t) })
		lines = lines[i:]
	}
	if !until.IsZero() {
		i, _ := slices.BinarySearchFunc(lines, until.UnixNano(), func(l lineAt, t int64) int { return cmp.Compare(l.received, t) })
		lines = lines[:i]
	}
	return func(yield func([]Item, error) bool) {
		for page := range slices.Chunk(lines, filePage) {
			items, err := f.read(page)
			if !yield(items, err) || err != nil {
				return
			}
		}
	}
}

func (f *File) read(page []lineAt) ([]Item, error) {
	items := make([]Item, 0, len(page))
	for _, l := range page {
		data := make([]byte, l.length)
		if _, err := f.data.ReadAt(data, l.offset); err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("reading facts: %w", err)
		}
		it, err := ParseLine(data)
		if err != nil {
			return nil, fmt.Errorf("reading facts: %s has changed meanwhile: %w", f.name, err)
		}
		items = append(items, it)
	}
	return items, nil
}
