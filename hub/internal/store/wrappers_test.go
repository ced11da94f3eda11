package store_test

import (
	"errors"
	"strings"
	"testing"

	"picket.internal/hub/internal/fault"
)

// The log holds every key that a wrapper has had, whole: also the one whose place
// the first record of this kind takes, of which an older hub logged the id alone.
func TestAReplacedWrapperKeyIsKeptInTheLog(t *testing.T) {
	b := newBench(t)
	h := b.enroll("web1")
	first, second := newKey(t).Public(), newKey(t).Public()
	if err := b.SetWrapperKey(t.Context(), h.id, first); err != nil {
		t.Fatal(err)
	}
	if err := b.SetWrapperKey(t.Context(), h.id, second); err != nil {
		t.Fatal(err)
	}
	records, err := b.AuditRecords(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var docs []string
	for _, r := range records {
		if strings.Contains(r.Record, "host.wrapper_key/"+h.id) {
			docs = append(docs, string(r.Document))
		}
	}
	if len(docs) != 2 || !strings.Contains(docs[0], `"public":"`+first.String()+`"`) || strings.Contains(docs[0], "replaces") ||
		!strings.Contains(docs[1], `"public":"`+second.String()+`","replaces":"`+first.String()+`"`) {
		t.Errorf("the log has %q", docs)
	}
	// What was verified with a key is not kept once another has its place.
	if _, err := b.TakeReceipts(t.Context(), h.id, first, nil); !errors.Is(err, fault.ReceiptKeyChanged) {
		t.Errorf("receipts of the key before: %v, want %v", err, fault.ReceiptKeyChanged)
	}
	if _, err := b.TakeReceipts(t.Context(), h.id, second, nil); err != nil {
		t.Error(err)
	}
}
