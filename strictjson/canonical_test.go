package strictjson_test

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"picket.internal/strictjson"
)

const jcs = "testdata/jcs-rfc8785"

// The pairs of RFC 8785's author: each input has exactly one output.
func TestCanonicalPairs(t *testing.T) {
	inputs, err := filepath.Glob(jcs + "/input/*.json")
	if err != nil || len(inputs) != 6 {
		t.Fatalf("%d inputs, %v", len(inputs), err)
	}
	for _, path := range inputs {
		name := strings.TrimSuffix(filepath.Base(path), ".json")
		t.Run(name, func(t *testing.T) {
			want := readFile(t, filepath.Join(jcs, "output", name+".json"))
			bytesOf := strings.Join(strings.Fields(string(readFile(t, filepath.Join(jcs, "outhex", name+".txt")))), "")
			if fromHex, err := hex.DecodeString(bytesOf); err != nil || !bytes.Equal(fromHex, want) {
				t.Fatalf("output and outhex differ: %v", err)
			}
			input := readFile(t, path)
			before := bytes.Clone(input)
			got, err := strictjson.Canonical(input)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("Canonical = %s, %v\nwant %s", got, err, want)
			}
			if !bytes.Equal(input, before) {
				t.Error("Canonical changed its input")
			}
			if again, err := strictjson.Canonical(got); err != nil || !bytes.Equal(again, got) {
				t.Errorf("Canonical is not idempotent: %s, %v", again, err)
			}
			isCanonical := strictjson.Limits{Canonical: true}
			if err := strictjson.Check(want, isCanonical); err != nil {
				t.Errorf("Check of the output: %v", err)
			}
			if err := strictjson.Check(input, isCanonical); !bytes.Equal(input, want) && !errors.Is(err, strictjson.ErrNotCanonical) {
				t.Errorf("Check of the input: %v", err)
			}
		})
	}
}

// rfcNumbers are the samples of RFC 8785 appendix B: the bits of a double, and
// how it is written.
const rfcNumbers = `0000000000000000,0
8000000000000000,0
0000000000000001,5e-324
8000000000000001,-5e-324
7fefffffffffffff,1.7976931348623157e+308
ffefffffffffffff,-1.7976931348623157e+308
4340000000000000,9007199254740992
c340000000000000,-9007199254740992
4430000000000000,295147905179352830000
44b52d02c7e14af5,9.999999999999997e+22
44b52d02c7e14af6,1e+23
44b52d02c7e14af7,1.0000000000000001e+23
444b1ae4d6e2ef4e,999999999999999700000
444b1ae4d6e2ef4f,999999999999999900000
444b1ae4d6e2ef50,1e+21
3eb0c6f7a0b5ed8c,9.999999999999997e-7
3eb0c6f7a0b5ed8d,0.000001
41b3de4355555553,333333333.3333332
41b3de4355555554,333333333.33333325
41b3de4355555555,333333333.3333333
41b3de4355555556,333333333.3333334
41b3de4355555557,333333333.33333343
becbf647612f3696,-0.0000033333333333333333
43143ff3c1cb0959,1424953923781206.2
`

func TestCanonicalNumbers(t *testing.T) {
	samples := bufio.NewScanner(strings.NewReader(rfcNumbers + string(readFile(t, jcs+"/numbers-sample.txt"))))
	n := 0
	for samples.Scan() {
		n++
		bits, want, _ := strings.Cut(samples.Text(), ",")
		u, err := strconv.ParseUint(bits, 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		in := strconv.FormatFloat(math.Float64frombits(u), 'e', -1, 64)
		got, err := strictjson.Canonical([]byte(in))
		if err != nil || string(got) != want {
			t.Errorf("Canonical(%s) = %s, %v, want %s", in, got, err, want)
		}
		if again, err := strictjson.Canonical(got); err != nil || string(again) != want {
			t.Errorf("Canonical(%s) = %s, %v", got, again, err)
		}
	}
	if n != 24+7 {
		t.Errorf("%d samples", n)
	}
}

// What a double cannot hold is refused, where others round.
func TestCanonicalRefuses(t *testing.T) {
	for in, want := range map[string]error{
		"9007199254740993":           strictjson.ErrNumber,
		"-9007199254740993":          strictjson.ErrNumber,
		"18446744073709551615":       strictjson.ErrNumber,
		"1e309":                      strictjson.ErrNumber,
		`{"a":1,"\u0061":2}`:         strictjson.ErrDuplicateKey,
		`"\udead"`:                   strictjson.ErrInvalidUTF8,
		"\"\xff\"":                   strictjson.ErrInvalidUTF8,
		"1 2":                        strictjson.ErrTrailingData,
		"":                           strictjson.ErrSyntax,
		strings.Repeat("[", 100_000): strictjson.ErrTooDeep,
	} {
		if got, err := strictjson.Canonical([]byte(in)); !errors.Is(err, want) || got != nil {
			t.Errorf("Canonical(%.40q) = %.40q, %v, want %v", in, got, err, want)
		}
	}
}

// Names are ordered by UTF-16 code units, which is not the order of bytes: an
// emoji (a surrogate pair, from D83D) sorts before U+FB33 and U+FF5E.
func TestCanonicalOrder(t *testing.T) {
	for _, sorted := range []string{
		`{"":0,"a":0,"aa":0,"b":0}`,
		"{\"A\":0,\"a\":0,\"é\":0,\"😀\":0,\"😁\":0,\"\ufb33\":0,\"～\":0}",
		`{"x😀":0,"x～":0}`,
		`{"\n":0,"\r":0,"1":0}`,
	} {
		if got, err := strictjson.Canonical([]byte(sorted)); err != nil || string(got) != sorted {
			t.Fatalf("Canonical(%s) = %s, %v", sorted, got, err)
		}
		if err := strictjson.Check([]byte(sorted), strictjson.Limits{Canonical: true}); err != nil {
			t.Errorf("Check(%s): %v", sorted, err)
		}
		members := strings.Split(strings.Trim(sorted, "{}"), ",")
		for i := 1; i < len(members); i++ {
			swapped := "{" + members[i] + "," + members[i-1] + "}"
			if err := strictjson.Check([]byte(swapped), strictjson.Limits{Canonical: true}); !errors.Is(err, strictjson.ErrNotCanonical) {
				t.Errorf("Check(%s): %v", swapped, err)
			}
		}
	}
}

func TestDocumentDecodesWhatWasChecked(t *testing.T) {
	lim := strictjson.Limits{Canonical: true}
	doc, err := strictjson.CheckDocument([]byte(`{"action":"a","raw":{"x":[1,{"y":"\n"}]}}`), lim)
	if err != nil {
		t.Fatal(err)
	}
	var got sample
	if err := doc.Decode(&got, nil); err != nil || string(got.Raw) != `{"x":[1,{"y":"\n"}]}` {
		t.Errorf("Decode = %+v, %v", got, err)
	}
	if err := doc.Decode(new(inner), nil); !errors.Is(err, strictjson.ErrUnknownField) {
		t.Errorf("Decode into another type: %v", err)
	}
	if doc, err := strictjson.CheckDocument([]byte(`{"action": "a"}`), lim); !errors.Is(err, strictjson.ErrNotCanonical) || doc.Decode(&got, nil) == nil {
		t.Errorf("a document that did not pass: %v", err)
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
