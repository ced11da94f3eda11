package strictjson_test

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"picket.internal/strictjson"
)

// text writes itself.
type text struct{ s string }

func (t text) MarshalText() ([]byte, error) { return []byte(t.s), nil }

type leaf struct {
	A string   `json:"a,omitempty"`
	B *float64 `json:"b,omitempty"`
	C []string `json:"c,omitempty"`
}

// everything has a field of each type and option that a document of ours has.
type everything struct {
	Plain    string            `json:"plain"`
	Unnamed  int               // by its own name
	Hidden   string            `json:"-"`
	Empty    string            `json:"empty,omitempty"`
	Flag     bool              `json:"flag"`
	NoFlag   bool              `json:"no_flag,omitempty"`
	Small    uint8             `json:"small,omitempty"`
	Large    uint64            `json:"large,string"`
	Negative int64             `json:"negative,string,omitempty"`
	Share    float64           `json:"share"`
	Half     float32           `json:"half,omitempty"`
	Time     time.Time         `json:"time"`
	Later    time.Time         `json:"later,omitzero"`
	Raw      jsontext.Value    `json:"raw,omitempty"`
	Bytes    []byte            `json:"bytes,omitempty"`
	List     []leaf            `json:"list"`
	Inner    leaf              `json:"inner"`
	Zero     leaf              `json:"zero,omitzero"`
	Pointer  *leaf             `json:"pointer,omitempty"`
	Map      map[string]int    `json:"map,omitempty"`
	Texts    map[string]string `json:"texts,omitempty"`
	Text     text              `json:"text"`
	Any      any               `json:"any,omitempty"`
	private  int
}

// TestEncodeIsEncodingJSON holds the writer to encoding/json, which it stands
// in for: the same value has the same canonical form.
func TestEncodeIsEncodingJSON(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		v := randomEverything(rnd)
		var buf bytes.Buffer
		enc := json.NewEncoder(&buf)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(v); err != nil {
			t.Fatal(err)
		}
		want := jsontext.Value(buf.Bytes())
		if err := want.Canonicalize(); err != nil {
			t.Fatal(err)
		}
		got, err := strictjson.Encode(v)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%+v\nis     %s (%v)\nshould be %s", v, got, err, want)
		}
	}
}

func randomEverything(rnd *rand.Rand) *everything {
	words := []string{"", "a", "é\u2028<>&", "\x00\x1f\"\\/", "\xff bad", "\U0001F600", "zz"}
	word := func() string { return words[rnd.IntN(len(words))] }
	often := func() bool { return rnd.IntN(2) == 0 }
	e := &everything{
		Plain: word(), Unnamed: rnd.IntN(9) - 4, Hidden: word(), Empty: word(), Flag: often(), NoFlag: often(),
		Small: uint8(rnd.IntN(3)), Large: rnd.Uint64(), Negative: rnd.Int64N(3) - 1, Share: rnd.NormFloat64(),
		Half: float32(rnd.IntN(3)) / 2, Time: time.Unix(rnd.Int64N(1<<32), rnd.Int64N(1e9)).UTC(),
		List: []leaf{}, Text: text{word()}, private: 1,
	}
	if often() {
		e.Later, e.Raw, e.Bytes = e.Time, jsontext.Value(`{"z":[1,true],"a":"x"}`), []byte(word())
	}
	if often() {
		f := rnd.Float64()
		e.Pointer, e.Zero = &leaf{A: word(), B: &f}, leaf{C: []string{word(), word()}}
		e.List = append(e.List, *e.Pointer, e.Zero)
	}
	if often() {
		e.Map, e.Texts, e.Any = map[string]int{"b": 1, "a": 2}, map[string]string{word(): word()}, e.List
	}
	return e
}

func TestEncodeRefusesWhatIsNoJSON(t *testing.T) {
	for name, v := range map[string]any{
		"nothing":     nil,
		"nil pointer": (*leaf)(nil),
		"nil slice":   struct{ List []int }{},
		"not a number": struct {
			F float64
		}{math.NaN()},
		"infinity":      struct{ F float64 }{math.Inf(1)},
		"a large one":   struct{ N uint64 }{1 << 60},
		"a far year":    struct{ T time.Time }{time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC)},
		"a function":    struct{ F func() }{func() {}},
		"a channel":     struct{ C chan int }{make(chan int)},
		"broken raw":    struct{ V jsontext.Value }{jsontext.Value(`{"a":`)},
		"embedded":      struct{ bytes.Buffer }{},
		"other keys":    map[int]string{1: "a"},
		"complex value": reflect.ValueOf(1i).Interface(),
	} {
		if data, err := strictjson.Encode(v); err == nil || data != nil {
			t.Errorf("%s: %s, %v", name, data, err)
		}
	}
}
