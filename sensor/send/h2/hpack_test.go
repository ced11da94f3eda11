package h2

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// encodeHuffman is the other direction, for tests.
func encodeHuffman(s []byte) []byte {
	d := newDecoder()
	var codes [256]uint32
	for n := uint32(1); n <= maxCode; n++ {
		for i := range d.count[n] {
			codes[d.octets[d.offset[n]+i]] = d.first[n] + i
		}
	}
	var out []byte
	var acc uint64
	var bits uint8
	for _, b := range s {
		acc = acc<<codeLengths[b] | uint64(codes[b])
		for bits += codeLengths[b]; bits >= 8; {
			bits -= 8
			out = append(out, byte(acc>>bits))
		}
	}
	if bits > 0 {
		out = append(out, byte(acc<<(8-bits))|(1<<(8-bits)-1))
	}
	return out
}

// The examples of RFC 7541 appendix C.4 and C.6.
func TestHuffmanExamples(t *testing.T) {
	for want, coded := range map[string]string{
		"www.example.com":                "f1e3c2e5f23a6ba0ab90f4ff",
		"no-cache":                       "a8eb10649cbf",
		"custom-key":                     "25a849e95ba97d7f",
		"custom-value":                   "25a849e95bb8e8b4bf",
		"302":                            "6402",
		"private":                        "aec3771a4b",
		"Mon, 21 Oct 2013 20:13:21 GMT":  "d07abe941054d444a8200595040b8166e082a62d1bff",
		"https://www.example.com":        "9d29ad171863c78f0b97c8e9ae82ae43d3",
		"307":                            "640eff",
		"gzip":                           "9bd9ab",
		"foo=ASDJKHQKBZXOQWEOPIUAXQWEOI": "94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f",
	} {
		raw, err := hex.DecodeString(coded)
		if err != nil {
			t.Fatal(err)
		}
		got, err := newDecoder().decode(raw)
		if want == "foo=ASDJKHQKBZXOQWEOPIUAXQWEOI" {
			got = got[:min(len(got), len(want))] // the RFC's cookie goes on
			err = nil
		}
		if err != nil || string(got) != want {
			t.Errorf("%s: got %q, %v, want %q", coded, got, err, want)
		}
	}
}

func TestHuffmanEveryOctet(t *testing.T) {
	all := make([]byte, 0, 512)
	for i := range 256 {
		all = append(all, byte(i), byte(255-i))
	}
	got, err := newDecoder().decode(encodeHuffman(all))
	if err != nil || !bytes.Equal(got, all) {
		t.Errorf("got %x, %v", got, err)
	}
}

func TestHuffmanRefuses(t *testing.T) {
	for name, raw := range map[string][]byte{
		"the end-of-string code":    {0xff, 0xff, 0xff, 0xff},
		"an octet of nothing":       {0xff},
		"padding that is not ones":  {0x18}, // "a", then zeros
		"padding after whole codes": append(encodeHuffman([]byte("aaaaaaaa")), 0xff),
	} {
		if got, err := newDecoder().decode(raw); !errors.Is(err, errHuffman) || got != nil {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}

// TestParseFields: RFC 7541 C.6.1, a response as a server writes it, with a
// dynamic table of no size; and every form that a field can have.
func TestParseFields(t *testing.T) {
	rfc, err := hex.DecodeString("488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3")
	if err != nil {
		t.Fatal(err)
	}
	forms := []byte{0x20, 0x88, 0x0f, 0x26, 1, '7', 0x10, 1, 'a', 1, 'b', 0x40, 1, 'c', 0, 0x48, 3, '4', '0', '4'}
	tests := []struct {
		name  string
		block []byte
		want  []Field
	}{
		{"of the RFC", rfc, []Field{
			{":status", "302"}, {"cache-control", "private"},
			{"date", "Mon, 21 Oct 2013 20:13:21 GMT"}, {"location", "https://www.example.com"},
		}},
		{"every form", forms, []Field{{":status", "200"}, {"retry-after", "7"}, {"a", "b"}, {"c", ""}, {":status", "404"}}},
		{"our own", appendField(appendField(nil, "a", strings.Repeat("x", 127)), "b", strings.Repeat("y", 300)),
			[]Field{{"a", strings.Repeat("x", 127)}, {"b", strings.Repeat("y", 300)}}},
		{"none", nil, nil},
	}
	for _, tt := range tests {
		got, err := parseFields(tt.block, newDecoder())
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestParseFieldsRefuses(t *testing.T) {
	for name, block := range map[string][]byte{
		"index 0":                     {0x80},
		"an index beyond the table":   {0xbe},
		"a name beyond the table":     {0x7f, 0},
		"an index that is cut off":    {0xff},
		"an index without end":        {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		"a dynamic table":             {0x3f, 0x01},
		"a name that is cut off":      {0x00, 5, 'a'},
		"no name":                     {0x00},
		"no value":                    {0x00, 1, 'a'},
		"a value longer than all":     {0x00, 1, 'a', 0x7f, 0xff, 0x7f},
		"a value of broken Huffman":   {0x00, 1, 'a', 0x84, 0xff, 0xff, 0xff, 0xff},
		"more than a header may hold": bytes.Repeat([]byte{0x88}, maxFields/32),
	} {
		if got, err := parseFields(block, newDecoder()); !errors.Is(err, errHPACK) || got != nil {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
}

// FuzzFields: what parses, written anew, parses to the same; on an error there
// is nothing.
func FuzzFields(f *testing.F) {
	f.Add([]byte{0x20, 0x88, 0x0f, 0x26, 1, '7'})
	f.Add(append([]byte{0x00, 1, 'a', 0x80 | 9}, encodeHuffman([]byte("www.example.co"))...))
	f.Fuzz(func(t *testing.T, block []byte) {
		fields, err := parseFields(block, newDecoder())
		if err != nil {
			if fields != nil {
				t.Errorf("%v came with %v", fields, err)
			}
			return
		}
		var again []byte
		for _, field := range fields {
			again = appendField(again, field.Name, field.Value)
		}
		got, err := parseFields(again, newDecoder())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(fields, got); diff != "" {
			t.Error(diff)
		}
	})
}
