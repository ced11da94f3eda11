package fuzz

import (
	"bytes"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"picket.internal/strictjson"
)

// FuzzCanonical holds the two ways of knowing whether a document is canonical
// against each other: looking at it in one pass, and making its canonical form,
// which is jsontext's, too.
func FuzzCanonical(f *testing.F) {
	for _, doc := range []string{`{"a":0,"":1}`, `{"😀":0,"～":0}`, `{"～":0,"😀":0}`, `"\u001f\u007f\/"`, `1e21`, `100000000000000000000`, `0.10`, `-0`, `-0.0`, `1E5`, ` []`, `[1, 2]`} {
		f.Add([]byte(doc))
	}
	addShared(f, "../strictjson/testdata/jcs-rfc8785/*put/*.json")
	f.Fuzz(func(t *testing.T, data []byte) {
		lim := strictjson.Limits{}
		if strictjson.Check(data, lim) != nil {
			return
		}
		canonical, err := strictjson.Canonical(data)
		if err != nil {
			t.Fatalf("%q passes Check and has no canonical form: %v", data, err)
		}
		theirs := jsontext.Value(bytes.Clone(data))
		if err := theirs.Canonicalize(); err != nil || !bytes.Equal(canonical, theirs) {
			t.Fatalf("%q becomes %q, and with jsontext %q: %v", data, canonical, theirs, err)
		}
		lim.Canonical = true
		looked := strictjson.Check(data, lim) == nil
		if made := bytes.Equal(canonical, data); looked != made {
			t.Fatalf("%q: looking says %v, making says %v (%q)", data, looked, made, canonical)
		}
		if again, err := strictjson.Canonical(canonical); err != nil || !bytes.Equal(again, canonical) {
			t.Fatalf("%q becomes %q, and that %q: %v", data, canonical, again, err)
		}
	})
}
