//go:build linux

package fuzz

import (
	"bytes"
	"encoding/binary"
	"testing"

	"picket.internal/sensor/doctor"
)

// FuzzAuditRule reads any struct audit_rule_data. What it says is watched lies
// in the rule's own text, and a rule that is cut says nothing.
func FuzzAuditRule(f *testing.F) {
	const head = 4 * (3 + 4*64) // before the length of the text
	rule := make([]byte, head, head+32)
	put := func(word int, v uint32) { binary.NativeEndian.PutUint32(rule[4*word:], v) }
	put(2, 2)
	put(3+64, 105) // AUDIT_WATCH
	put(3+128, 5)
	put(3+64+1, 210) // AUDIT_FILTERKEY
	put(3+128+1, 6)
	rule = binary.NativeEndian.AppendUint32(rule, 11)
	rule = append(rule, "/a/b\xffpicket"...)
	f.Add(rule)
	f.Add(rule[:len(rule)-1])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		watched, ours := doctor.ParseAuditRule(data)
		if len(data) < head+4 {
			if watched != "" || ours {
				t.Fatalf("a cut rule says %q, %v", watched, ours)
			}
			return
		}
		text := data[head+4:]
		if !bytes.Contains(text, bytes.TrimSuffix([]byte(watched), []byte("/"))) {
			t.Fatalf("%q is not in the rule", watched)
		}
		if ours && !bytes.Contains(text, []byte("picket")) {
			t.Fatal("a rule without Picket's key is called Picket's")
		}
	})
}
