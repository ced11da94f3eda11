//go:build linux

package launch

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"picket.internal/eat"
)

// FuzzOutput: whatever a wrapper prints, what is held of it is bounded, and a
// chunk never counts as a receipt.
func FuzzOutput(f *testing.F) {
	f.Add([]byte("{\"payload\":\"x\"}\n{\"chunk\":0}\n{\"chunk\":1}\nnoise\n"))
	f.Add([]byte("{\"chunk\":0}"))
	f.Add(bytes.Repeat([]byte("{}\n"), 70))
	f.Add(bytes.Repeat([]byte(" "), eat.MaxChunk+3))
	f.Fuzz(func(t *testing.T, data []byte) {
		carried := 0
		o := &output{going: func() {}, carry: func(receipts [][]byte, chunk []byte) bool {
			if carried++; carried > 1 && len(receipts) > 0 && !bytes.Contains(data, receipts[0]) {
				t.Fatal("a receipt from nowhere")
			}
			if len(chunk) > eat.MaxChunk+2 || !eat.IsChunk(chunk) {
				t.Fatalf("carried %.80q", chunk)
			}
			return carried < 3
		}}
		err := o.read(bytes.NewReader(data))
		if err != nil && err != errLong && err != errEnough {
			t.Fatal(err)
		}
		if (err == errEnough) != (carried == 3) || len(o.receipts) > maxReceipts || o.bytes > maxOutput && err == nil {
			t.Fatalf("%d carried, %d receipts, %v", carried, len(o.receipts), err)
		}
		for _, r := range o.receipts {
			if eat.IsChunk(r) || r[0] != '{' {
				t.Fatalf("%.80q is kept as a receipt", r)
			}
		}
	})
}

// sudo is a program that stands in for sudo.
func sudo(t *testing.T, body string, within time.Duration) *Launcher {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sudo")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return NewTest(Sudo, path, within)
}

// TestEvidenceBehindReceipts: the receipts come with the first chunk, each chunk
// by itself, and one that is heard out is no wrapper that acts.
func TestEvidenceBehindReceipts(t *testing.T) {
	var first [][]byte
	var chunks []string
	l := sudo(t, `cat >/dev/null; echo '{"a":1}'; echo '{"a":2}'; echo '{"chunk":0}'; echo '{"chunk":1}'`, time.Minute)
	receipts, err := l.Launch(t.Context(), []byte("x"), func(receipts [][]byte, chunk []byte) bool {
		if len(l.slots) != 0 {
			t.Errorf("%d wrappers act", len(l.slots))
		}
		first = append(first, receipts...)
		chunks = append(chunks, string(chunk))
		return true
	})
	if err != nil || len(receipts) != 0 || len(first) != 2 || strings.Join(chunks, " ") != `{"chunk":0} {"chunk":1}` {
		t.Errorf("%q, then %q, and at the end %q, %v", first, chunks, receipts, err)
	}
}

// TestEvidenceThatGoesOnForEver: it is bounded in its length and, between two
// chunks, in its time; nobody who wants no more waits for it.
func TestEvidenceThatGoesOnForEver(t *testing.T) {
	for name, c := range map[string]struct {
		body   string
		within time.Duration
		carry  Carry
		id     string
		chunks int
	}{
		"for ever":       {`while echo '{"chunk":0}'; do :; done`, time.Minute, func([][]byte, []byte) bool { return true }, "launch.output_too_long", 512},
		"a longer chunk": {`printf '{"chunk":'; exec head -c 300000 /dev/zero`, time.Minute, func([][]byte, []byte) bool { return true }, "launch.output_too_long", 0},
		"a pause":        {`echo '{"chunk":0}'; exec sleep 1000`, 200 * time.Millisecond, func([][]byte, []byte) bool { return true }, "launch.timeout", 1},
		"not wanted":     {`while echo '{"chunk":0}'; do :; done`, time.Minute, func([][]byte, []byte) bool { return false }, "", 1},
		"nobody asked":   {`echo '{"chunk":0}'; exec sleep 1`, time.Minute, nil, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			n := 0
			carry := c.carry
			if carry != nil {
				carry = func(receipts [][]byte, chunk []byte) bool { n++; return c.carry(receipts, chunk) }
			}
			_, err := sudo(t, c.body, c.within).Launch(t.Context(), nil, carry)
			var e *Error
			if (c.id == "") != (err == nil) || err != nil && (!errors.As(err, &e) || e.ID != c.id) || n != c.chunks {
				t.Errorf("%d chunks, %v; want %d, %q", n, err, c.chunks, c.id)
			}
		})
	}
}

// TestASlowReaderPutsTheDeadlineOff: as long as chunks come, it is no hang.
func TestASlowReaderPutsTheDeadlineOff(t *testing.T) {
	l := sudo(t, `for i in 1 2 3 4 5 6; do echo '{"chunk":0}'; sleep 0.1; done`, 400*time.Millisecond)
	n := 0
	if _, err := l.Launch(t.Context(), nil, func([][]byte, []byte) bool { n++; return true }); err != nil || n != 6 {
		t.Errorf("%d chunks, %v", n, err)
	}
}
