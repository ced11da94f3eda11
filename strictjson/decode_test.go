package strictjson_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"picket.internal/strictjson"
)

type inner struct {
	Name string   `json:"name"`
	Tags []string `json:"tags,omitempty"`
}

type sample struct {
	Action string            `json:"action"`
	Count  int64             `json:"count,omitempty"`
	Small  uint8             `json:"small,omitempty"`
	Inode  uint64            `json:"inode,string,omitempty"`
	Delta  int64             `json:"delta,string,omitempty"`
	Share  float64           `json:"share,omitempty"`
	On     bool              `json:"on,omitempty"`
	Code   *int64            `json:"code,omitempty"`
	Inner  *inner            `json:"inner,omitempty"`
	List   []inner           `json:"list,omitempty"`
	Map    map[string]string `json:"map,omitempty"`
	Bytes  []byte            `json:"bytes,omitempty"`
	At     time.Time         `json:"at,omitzero"`
	Raw    jsontext.Value    `json:"raw,omitempty"`
}

func TestDecode(t *testing.T) {
	code := int64(0)
	at := time.Date(2026, 5, 6, 7, 8, 9, 123456789, time.UTC)
	for _, test := range []struct {
		in   string
		want sample
	}{
		{`{"action":"a"}`, sample{Action: "a"}},
		{` { "action" : "\u0061\n" } `, sample{Action: "a\n"}},
		{`{"action":"","count":-9007199254740991,"small":255}`, sample{Count: -(1<<53 - 1), Small: 255}},
		{`{"action":"","inode":"18446744073709551615","delta":"-9223372036854775808"}`, sample{Inode: 1<<64 - 1, Delta: -1 << 63}},
		{`{"action":"","share":0.25,"on":true,"code":0}`, sample{Share: 0.25, On: true, Code: &code}},
		{`{"action":"","share":1}`, sample{Share: 1}},
		{`{"action":"","inner":{"name":"n","tags":["x","y"]}}`, sample{Inner: &inner{Name: "n", Tags: []string{"x", "y"}}}},
		{`{"action":"","list":[{"name":"1"},{"name":"2"}]}`, sample{List: []inner{{Name: "1"}, {Name: "2"}}}},
		{`{"action":"","map":{"k":"v"}}`, sample{Map: map[string]string{"k": "v"}}},
		{`{"action":"","bytes":"AQID"}`, sample{Bytes: []byte{1, 2, 3}}},
		{`{"action":"","at":"2026-05-06T07:08:09.123456789Z"}`, sample{At: at}},
		{`{"action":"","raw": {"b": [1.5,"\u0061"]} }`, sample{Raw: jsontext.Value(`{"b": [1.5,"\u0061"]}`)}},
	} {
		var got sample
		if err := strictjson.Decode([]byte(test.in), strictjson.Limits{}, &got, nil); err != nil {
			t.Errorf("Decode(%s): %v", test.in, err)
			continue
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("Decode(%s): -want +got\n%s", test.in, diff)
		}
		again, err := strictjson.Encode(&got)
		if err != nil {
			t.Errorf("Encode(%+v): %v", got, err)
			continue
		}
		var second sample
		if err := strictjson.Decode(again, strictjson.Limits{Canonical: true}, &second, nil); err != nil {
			t.Errorf("Decode(Encode(%s)): %v", test.in, err)
		}
	}
}

// Every reason for refusing a document, each with its own id, and nothing stored.
func TestDecodeRefuses(t *testing.T) {
	long := strings.Repeat("x", 17<<10)
	for _, test := range []struct {
		in   string
		lim  strictjson.Limits
		want error
		path string
	}{
		{in: `{"action":"a"} `, lim: strictjson.Limits{Bytes: 14}, want: strictjson.ErrTooLarge},
		{in: strings.Repeat("[", 17), want: strictjson.ErrType},
		{in: `{"action":"a","raw":` + strings.Repeat("[", 16) + strings.Repeat("]", 16) + `}`, want: strictjson.ErrTooDeep},
		{in: `{"action":"a","action":"b"}`, want: strictjson.ErrDuplicateKey, path: "action"},
		{in: `{"action":"a","raw":{"x":1,"\u0078":2}}`, want: strictjson.ErrDuplicateKey, path: "raw.x"},
		{in: `{"action":"a","ACTION":"b"}`, want: strictjson.ErrUnknownField, path: "ACTION"},
		{in: `{"action":"a","inner":{"name":"","nam\u0045":""}}`, want: strictjson.ErrUnknownField, path: "inner.namE"},
		{in: `{}`, want: strictjson.ErrMissingField},
		{in: `{"action":"","list":[{"name":""},{}]}`, want: strictjson.ErrMissingField, path: "list.1"},
		{in: "{\"action\":\"\xff\"}", want: strictjson.ErrInvalidUTF8},
		{in: `{"action":"\ud800"}`, want: strictjson.ErrInvalidUTF8},
		{in: `{"action":"\uDC00\uD800"}`, want: strictjson.ErrInvalidUTF8},
		{in: `{"action":"\ud800\u0041"}`, want: strictjson.ErrInvalidUTF8},
		{in: `{"\ud800":""}`, want: strictjson.ErrInvalidUTF8},
		{in: `{"action":"","count":9007199254740992}`, want: strictjson.ErrNumber, path: "count"},
		{in: `{"action":"","count":1e3}`, want: strictjson.ErrNumber},
		{in: `{"action":"","count":1.0}`, want: strictjson.ErrNumber},
		{in: `{"action":"","count":-0}`, want: strictjson.ErrNumber},
		{in: `{"action":"","small":256}`, want: strictjson.ErrNumber},
		{in: `{"action":"","small":-1}`, want: strictjson.ErrNumber},
		{in: `{"action":"","share":9007199254740993}`, want: strictjson.ErrNumber},
		{in: `{"action":"","share":1e400}`, want: strictjson.ErrNumber},
		{in: `{"action":"","share":1e17}`, want: strictjson.ErrNumber}, // RFC 8785 writes it with all digits
		{in: `{"action":"","share":90071992547409930.5}`, want: strictjson.ErrNumber},
		{in: `{"action":"","share":0.5}`, lim: strictjson.Limits{IntegersOnly: true}, want: strictjson.ErrNumber},
		{in: `{"action":"","raw":[9007199254740993]}`, want: strictjson.ErrNumber, path: "raw.0"},
		{in: `{"action":"","inode":"01"}`, want: strictjson.ErrNumber},
		{in: `{"action":"","inode":"+1"}`, want: strictjson.ErrNumber},
		{in: `{"action":"","inode":""}`, want: strictjson.ErrNumber},
		{in: `{"action":"","inode":"18446744073709551616"}`, want: strictjson.ErrNumber},
		{in: `{"action":"","delta":"-0"}`, want: strictjson.ErrNumber},
		{in: `{"action":"","delta":"--1"}`, want: strictjson.ErrNumber},
		{in: `{"action":"","inode":1}`, want: strictjson.ErrType},
		{in: `{"action":"a"}{"action":"b"}`, want: strictjson.ErrTrailingData},
		{in: `{"action":"a"} x`, want: strictjson.ErrTrailingData},
		{in: `{"action":null}`, want: strictjson.ErrNull, path: "action"},
		{in: `{"action":"","inner":null}`, want: strictjson.ErrNull, path: "inner"},
		{in: `{"action":"","raw":null}`, want: strictjson.ErrNull},
		{in: `null`, want: strictjson.ErrNull},
		{in: `{"action":1}`, want: strictjson.ErrType, path: "action"},
		{in: `{"action":{}}`, want: strictjson.ErrType},
		{in: `{"action":"","bytes":"AQI"}`, want: strictjson.ErrType},
		{in: `{"action":"","bytes":"AQ\nID"}`, want: strictjson.ErrType},
		{in: `{"action":"","bytes":"AB=="}`, want: strictjson.ErrType},
		{in: `{"action":"","at":"2026-05-06T07:08:09+00:00"}`, want: strictjson.ErrType},
		{in: `{"action":"","at":"2026-05-06T07:08:09,5Z"}`, want: strictjson.ErrType},
		{in: ``, want: strictjson.ErrSyntax},
		{in: `{"action":"a"`, want: strictjson.ErrSyntax},
		{in: `{"action":"a",}`, want: strictjson.ErrSyntax},
		{in: `{'action':"a"}`, want: strictjson.ErrSyntax},
		{in: `{"count":01}`, want: strictjson.ErrSyntax},
		{in: "\ufeff{}", want: strictjson.ErrSyntax},
		{in: `{"action":"` + long + `"}`, want: strictjson.ErrStringLength, path: "action"},
		{in: `{"action":"a","raw":"` + long + `"}`, want: strictjson.ErrStringLength, path: "raw"},
		{in: `{"action":"","list":[` + strings.Repeat(`{"name":""},`, 2000) + `{"name":""}]}`, want: strictjson.ErrItems},
		{in: `{"` + strings.Repeat("n", 65) + `":1}`, want: strictjson.ErrNameLength},
		{in: `{"action": "a"}`, lim: strictjson.Limits{Canonical: true}, want: strictjson.ErrNotCanonical},
		{in: `{"action":"\u0061"}`, lim: strictjson.Limits{Canonical: true}, want: strictjson.ErrNotCanonical},
		{in: `{"share":0.5,"action":""}`, lim: strictjson.Limits{Canonical: true}, want: strictjson.ErrNotCanonical},
		{in: `{"action":"","share":0.50}`, lim: strictjson.Limits{Canonical: true}, want: strictjson.ErrNotCanonical},
		{in: `{"action":"","share":-0}`, lim: strictjson.Limits{Canonical: true}, want: strictjson.ErrNotCanonical},
	} {
		name := test.in
		if len(name) > 80 {
			name = name[:80]
		}
		got := sample{Action: "before"}
		err := strictjson.Decode([]byte(test.in), test.lim, &got, nil)
		if !errors.Is(err, test.want) {
			t.Errorf("Decode(%s) = %v, want %v", name, err, test.want)
			continue
		}
		if diff := cmp.Diff(sample{Action: "before"}, got); diff != "" {
			t.Errorf("Decode(%s) stored something: %s", name, diff)
		}
		var e *strictjson.Error
		if errors.As(err, &e) && test.path != "" && e.Path != test.path {
			t.Errorf("Decode(%s): path %q, want %q", name, e.Path, test.path)
		}
	}
}

func TestDecodeReportsUnknown(t *testing.T) {
	in := `{"action":"a","new":{"x":[null]},"inner":{"name":"n","also":1},"list":[{"name":"m","y":2.5}]}`
	var got sample
	var unknown []string
	err := strictjson.Decode([]byte(in), strictjson.Limits{}, &got, func(path string) { unknown = append(unknown, path) })
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"new", "inner.also", "list.0.y"}, unknown); diff != "" {
		t.Error(diff)
	}
	want := sample{Action: "a", Inner: &inner{Name: "n"}, List: []inner{{Name: "m"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	bad := `{"action":"a","new":{"x":1,"x":2}}`
	if err := strictjson.Decode([]byte(bad), strictjson.Limits{}, &got, func(string) {}); !errors.Is(err, strictjson.ErrDuplicateKey) {
		t.Errorf("what is skipped is not checked: %v", err)
	}
}

func TestEncodeRefuses(t *testing.T) {
	for _, test := range []struct {
		in   any
		want error
	}{
		{struct {
			N int64 `json:"n"`
		}{1 << 53}, strictjson.ErrNumber},
		{struct {
			L []string `json:"l"`
		}{}, strictjson.ErrNull},
		{struct {
			S string `json:"s"`
		}{strings.Repeat("x", 17<<10)}, strictjson.ErrStringLength},
	} {
		if out, err := strictjson.Encode(test.in); !errors.Is(err, test.want) || out != nil {
			t.Errorf("Encode(%v) = %.40q, %v, want %v", test.in, out, err, test.want)
		}
	}
	out, err := strictjson.Encode(map[string]any{"b": "<&>", "a": 1.0})
	if err != nil || string(out) != `{"a":1,"b":"<&>"}` {
		t.Errorf("Encode = %s, %v", out, err)
	}
}
