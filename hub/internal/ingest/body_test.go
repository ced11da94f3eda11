package ingest_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"testing"

	"picket.internal/hub/internal/fault"
	"picket.internal/hub/internal/ingest"
)

func packed(t testing.TB, data []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	w.Write(data)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestUnpack(t *testing.T) {
	good := packed(t, []byte("some text"))
	change := func(i int, b ...byte) []byte {
		out := bytes.Clone(good)
		if i < 0 {
			i += len(out)
		}
		copy(out[i:], b)
		return out
	}
	claim := func(n uint32) []byte { return binary.LittleEndian.AppendUint32(bytes.Clone(good[:len(good)-4]), n) }
	for _, tt := range []struct {
		name, encoding string
		body           []byte
		want           error
	}{
		{"plain", "", []byte("some text"), nil},
		{"plain, said so", "identity", []byte("some text"), nil},
		{"gzip", "gzip", good, nil},
		{"another encoding", "deflate", good, fault.BatchEncoding},
		{"two encodings", "gzip, gzip", good, fault.BatchEncoding},
		{"empty", "gzip", nil, fault.BatchMalformed},
		{"no gzip", "gzip", bytes.Repeat([]byte{7}, 100), fault.BatchTooLarge}, // claims 117 MB
		{"bad header", "gzip", change(0, 0), fault.BatchMalformed},
		{"bad sum", "gzip", change(-8, 1, 2, 3, 4), fault.BatchMalformed},
		{"cut off", "gzip", good[:len(good)-9], fault.BatchTooLarge},
		{"claims less", "gzip", claim(3), fault.BatchTooLarge},
		{"claims more", "gzip", claim(20), fault.BatchMalformed},
		{"claims what cannot be", "gzip", claim(1 << 20), fault.BatchTooLarge},
		{"over the bound", "gzip", packed(t, make([]byte, 1001)), fault.BatchTooLarge},
		{"at the bound", "gzip", packed(t, make([]byte, 1000)), nil},
		{"large", "gzip", packed(t, bytes.Repeat([]byte("0123456789abcdef"), 100<<10)), fault.BatchTooLarge},
		{"two members", "gzip", append(packed(t, []byte("123456789")), good...), fault.BatchMalformed},
		{"something behind", "gzip", append(bytes.Clone(good), 9, 0, 0, 0), fault.BatchMalformed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, err := ingest.Unpack(tt.body, tt.encoding, 1000)
			if !errors.Is(err, tt.want) || (err != nil) != (tt.want != nil) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			if err != nil && out != nil {
				t.Error("something is returned with the error")
			}
		})
	}
}

func TestUnpackWhatIsLarge(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789abcdef"), 200<<10)
	out, err := ingest.Unpack(packed(t, data), "gzip", 8<<20)
	if err != nil || !bytes.Equal(out, data) {
		t.Errorf("%d bytes, %v; want %d", len(out), err, len(data))
	}
	body := packed(t, data)
	binary.LittleEndian.PutUint32(body[len(body)-4:], uint32(len(data)-1))
	if _, err := ingest.Unpack(body, "gzip", 8<<20); !errors.Is(err, fault.BatchTooLarge) {
		t.Errorf("a large lie: %v, want %v", err, fault.BatchTooLarge)
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add(packed(f, []byte("some text")))
	f.Add([]byte{0x1f, 0x8b})
	f.Fuzz(func(t *testing.T, body []byte) {
		const most = 1 << 16
		out, err := ingest.Unpack(body, "gzip", most)
		if err != nil {
			if out != nil {
				t.Error("something is returned with the error")
			}
			return
		}
		if len(out) > most {
			t.Errorf("unpacked %d bytes", len(out))
		}
		r, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			t.Fatalf("the standard library refuses it: %v", err)
		}
		var want bytes.Buffer
		if _, err := want.ReadFrom(r); err != nil || !bytes.Equal(want.Bytes(), out) {
			t.Errorf("the standard library unpacks it to %d bytes, %v; here %d", want.Len(), err, len(out))
		}
	})
}
