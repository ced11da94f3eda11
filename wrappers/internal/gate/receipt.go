//go:build linux

package gate

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"time"

	"picket.internal/eat"
	"picket.internal/envelope"
	"picket.internal/wrappers/internal/action"
)

const (
	maxReceipt = 128 << 10
	// keepReceipts is how many receipts are kept, the newest: the hub has had
	// the others long ago, or never will.
	keepReceipts = 4096
	// shown is how many are printed at most on a run, and for how long each.
	shown    = 64
	showTime = 24 * time.Hour
)

// spool is the chain of signed receipts, one file each, named by its number.
type spool struct {
	dir  folder
	key  envelope.PrivateKey
	last *eat.Receipt // nil where there is none
	prev string       // digest of last
	list []string     // names in order
}

func openSpool(state folder, key envelope.PrivateKey) (*spool, error) {
	dir, err := state.sub("receipts")
	if err != nil {
		return nil, err
	}
	s := &spool{dir: dir, key: key, prev: eat.FirstPrev}
	names, err := dir.f.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if len(name) == len(numbered(1)) {
			s.list = append(s.list, name)
		}
	}
	slices.Sort(s.list)
	if len(s.list) > 0 {
		_, s.last, s.prev, err = s.open(s.list[len(s.list)-1])
	}
	return s, err
}

// open reads a receipt of the spool, as it was signed and what it says.
func (s *spool) open(name string) (data []byte, r *eat.Receipt, digest string, err error) {
	if data, err = s.dir.read(name, maxReceipt); err != nil {
		return nil, nil, "", err
	}
	if r, digest, err = eat.OpenReceipt(data, s.key.Public()); err != nil {
		err = action.Refuse("state.bad_file", "malformed %s: %v", s.dir.path(name), err)
	}
	return data, r, digest, err
}

// recent are the names of those that the hub may not have yet.
func (s *spool) recent() []string { return s.list[max(0, len(s.list)-shown):] }

// has reports whether one of them is such a receipt.
func (s *spool) has(such func(*eat.Receipt) bool) (bool, error) {
	for _, name := range s.recent() {
		_, r, _, err := s.open(name)
		if err != nil || such(r) {
			return err == nil, err
		}
	}
	return false, nil
}

func numbered(seq uint64) string { return fmt.Sprintf("%020d", seq) }

// add signs the next receipt of the chain and puts it on the disk.
func (s *spool) add(r eat.Receipt) error {
	r.Seq, r.Prev = 1, s.prev
	if s.last != nil {
		r.Seq = s.last.Seq + 1
	}
	sealed, digest, err := eat.SealReceipt(r, s.key)
	if err != nil {
		return fmt.Errorf("sign the receipt of %s: %w", r.Token, err)
	}
	name := numbered(r.Seq)
	if err := s.dir.create(name, sealed); err != nil {
		return err
	}
	s.last, s.prev, s.list = &r, digest, append(s.list, name)
	for len(s.list) > keepReceipts {
		if err := s.dir.remove(s.list[0]); err != nil {
			return err
		}
		s.list = s.list[1:]
	}
	return nil
}

// print writes the receipts that the hub may not have yet, one a line, and then an
// empty line: whoever hears nothing else, as behind a socket, knows that all is well.
func (s *spool) print(w io.Writer, now time.Time) error {
	for _, name := range s.recent() {
		data, r, _, err := s.open(name)
		if err == nil && !r.Time.Before(now.Add(-showTime)) {
			_, err = w.Write(append(bytes.TrimSpace(data), '\n'))
		}
		if err != nil {
			return fmt.Errorf("write a receipt: %w", err)
		}
	}
	_, err := w.Write([]byte("\n"))
	return err
}
