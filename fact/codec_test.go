package fact_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"picket.internal/fact"
	"picket.internal/strictjson"
)

// full returns a fact of kind with every field of every block set, so that no
// field can be forgotten by the codec, the schema or the table.
func full(kind fact.Kind) *fact.Fact {
	f := new(fact.Fact)
	fill(reflect.ValueOf(f).Elem())
	f.ID, f.Kind = "01JD9Z6Q7M8N9P0Q1R2S3T4V5W", kind
	return f
}

func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0))
		fill(v.Index(1))
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Date(2026, 11, 23, 15, 4, 5, 123456789, time.UTC)))
			return
		}
		if v.Type() == reflect.TypeFor[fact.Hash]() {
			v.Set(reflect.ValueOf(fact.Hash{SHA256: strings.Repeat("9f", 32)}))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.String:
		v.SetString("a\"b\\\u2028\u00e9<&>")
	case reflect.Int64:
		v.SetInt(1 << 40)
	case reflect.Uint64:
		v.SetUint(1<<53 - 1)
	case reflect.Float64:
		v.SetFloat(0.25)
	case reflect.Bool:
		v.SetBool(true)
	}
}

func TestEveryKindSurvivesTheWire(t *testing.T) {
	for _, k := range fact.Kinds() {
		want := full(k.Kind)
		data, err := want.Encode()
		if err != nil {
			t.Fatalf("%s: %v", k.Kind, err)
		}
		got, unknown, err := fact.Parse(data)
		if err != nil || len(unknown) > 0 {
			t.Fatalf("%s: parse: %v, unknown %v\n%s", k.Kind, err, unknown, data)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s changed on the way (-sent +received):\n%s", k.Kind, diff)
		}
		if err := got.Validate(); err != nil {
			t.Errorf("%s: %v", k.Kind, err)
		}
		again, err := got.Encode()
		if err != nil || string(again) != string(data) {
			t.Errorf("%s: encoding is not stable (%v)", k.Kind, err)
		}
		if got.Action() == "" {
			t.Errorf("%s has no action", k.Kind)
		}
	}
}

func TestSixtyFourBitIntegersAreExact(t *testing.T) {
	want := &fact.Fact{File: &fact.File{Inode: 9007199254740993}, Process: &fact.Process{StartTicks: 1<<64 - 1}}
	data, err := want.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{`"inode":"9007199254740993"`, `"start_ticks":"18446744073709551615"`} {
		if !strings.Contains(string(data), text) {
			t.Errorf("%s lacks %s", data, text)
		}
	}
	got, _, err := fact.Parse(data)
	if err != nil || got.File.Inode != want.File.Inode || got.Process.StartTicks != want.Process.StartTicks {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestParseKeepsWhatANewerSensorAdds(t *testing.T) {
	data := []byte(`{"id":"01JD9Z6Q7M8N9P0Q1R2S3T4V5W","time":"2026-11-23T15:04:05Z","kind":"quark","host":{"id":"h_x","shoe":44},"quark":{"spin":"up"}}`)
	f, unknown, err := fact.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"host.shoe", "quark"}, unknown); diff != "" {
		t.Errorf("unknown fields (-want +got):\n%s", diff)
	}
	if err := f.Validate(); err != nil {
		t.Errorf("an unknown kind was refused: %v", err)
	}
}

func TestParseRefuses(t *testing.T) {
	const head = `{"id":"01JD9Z6Q7M8N9P0Q1R2S3T4V5W","time":"2026-11-23T15:04:05Z","kind":"canary","host":{"id":"h_x"}`
	tests := []struct {
		name, data string
		want       error
	}{
		{"duplicate name", head + `,"canary":{"id":"a","id":"b"}}`, strictjson.ErrDuplicateKey},
		{"invalid UTF-8", head + ",\"canary\":{\"id\":\"\xff\"}}", strictjson.ErrInvalidUTF8},
		{"lone surrogate", head + `,"canary":{"id":"\ud800"}}`, strictjson.ErrInvalidUTF8},
		{"string for a number", head + `,"process":{"pid":"7"}}`, strictjson.ErrType},
		{"fraction for an integer", head + `,"process":{"pid":7.5}}`, strictjson.ErrNumber},
		{"number beyond I-JSON", head + `,"process":{"pid":9007199254740993}}`, strictjson.ErrNumber},
		{"number for a decimal string", head + `,"file":{"inode":7}}`, strictjson.ErrType},
		{"leading zero", head + `,"file":{"inode":"07"}}`, strictjson.ErrNumber},
		{"decimal string beyond 64 bits", head + `,"file":{"inode":"18446744073709551616"}}`, strictjson.ErrNumber},
		{"null", head + `,"canary":null}`, strictjson.ErrNull},
		{"two documents", head + `}{}`, strictjson.ErrTrailingData},
		{"no kind", `{"id":"01JD9Z6Q7M8N9P0Q1R2S3T4V5W","time":"2026-11-23T15:04:05Z","host":{"id":"h_x"}}`, strictjson.ErrMissingField},
		{"too deep", head + `,"x":` + strings.Repeat("[", 20) + strings.Repeat("]", 20) + `}`, strictjson.ErrTooDeep},
		{"too large", head + `,"x":"` + strings.Repeat("a", 70<<10) + `"}`, strictjson.ErrTooLarge},
		{"local time", strings.Replace(head, "05Z", "05+01:00", 1) + `}`, strictjson.ErrType},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, _, err := fact.Parse([]byte(tt.data))
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if f != nil {
				t.Errorf("a refused fact was returned: %+v", f)
			}
		})
	}
}

func TestNamesAreExact(t *testing.T) {
	data := []byte(`{"id":"01JD9Z6Q7M8N9P0Q1R2S3T4V5W","time":"2026-11-23T15:04:05Z","kind":"canary","host":{"id":"h_x"},"Canary":{"action":"read"},"canary":{"ACTION":"read","ho` + "\u017f" + `t":1}}`)
	f, unknown, err := fact.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	if f.Action() != "" {
		t.Errorf("a name in other case was taken: action %q", f.Action())
	}
	if len(unknown) != 3 {
		t.Errorf("unknown = %q, want three names", unknown)
	}
}

func TestValidate(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(*fact.Fact)
		want  error
	}{
		{"lower-case id", func(f *fact.Fact) { f.ID = strings.ToLower(f.ID) }, fact.ErrID},
		{"id over 128 bits", func(f *fact.Fact) { f.ID = "8" + f.ID[1:] }, fact.ErrID},
		{"short id", func(f *fact.Fact) { f.ID = f.ID[1:] }, fact.ErrID},
		{"no time", func(f *fact.Fact) { f.Time = time.Time{} }, fact.ErrTime},
		{"kind with a dash", func(f *fact.Fact) { f.Kind = "ssh-key" }, fact.ErrKind},
		{"no host", func(f *fact.Fact) { f.Host.ID = "" }, fact.ErrHost},
		{"no block", func(f *fact.Fact) { f.Canary = nil }, fact.ErrBlock},
		{"short hash", func(f *fact.Fact) { f.Process.Hash.SHA256 = "9f" }, fact.ErrHash},
		{"upper-case hash", func(f *fact.Fact) { f.File.Hash.SHA256 = strings.Repeat("9F", 32) }, fact.ErrHash},
		{"bad running hash", func(f *fact.Fact) { f.Binary.Running.Hash.SHA256 = "x" }, fact.ErrHash},
		{"bad expected hash", func(f *fact.Fact) { f.Integrity.Expected.SHA256 = "x" }, fact.ErrHash},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := full(fact.KindCanary)
			tt.spoil(f)
			if err := f.Validate(); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestText(t *testing.T) {
	tests := []struct{ in, text, b64 string }{
		{"plain", "plain", ""},
		{"caf\u00e9\n", "caf\u00e9\n", ""},
		{"\xff\xfe", "\uFFFD", "//4="},
		{"a\xffb", "a\uFFFDb", "Yf9i"},
	}
	for _, tt := range tests {
		text, b64 := fact.Text([]byte(tt.in))
		if text != tt.text || b64 != tt.b64 {
			t.Errorf("Text(%q) = %q, %q; want %q, %q", tt.in, text, b64, tt.text, tt.b64)
		}
	}
}

func TestSchemaAcceptsWhatIsEncoded(t *testing.T) {
	schema := compileSchema(t)
	for _, k := range fact.Kinds() {
		data, err := full(k.Kind).Encode()
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(decoded(t, data)); err != nil {
			t.Errorf("%s: %v", k.Kind, err)
		}
	}
	for _, bad := range []string{
		`{"id":"x","time":"2026-11-23T15:04:05Z","kind":"canary"}`,
		`{"id":"x","time":"2026-11-23T15:04:05Z","kind":"canary","host":{"id":"h"},"process":{"pid":"7"}}`,
		`{"id":"x","time":"2026-11-23T15:04:05Z","kind":"canary","host":{"id":"h"},"file":{"inode":"07"}}`,
	} {
		if err := schema.Validate(decoded(t, []byte(bad))); err == nil {
			t.Errorf("the schema accepts %s", bad)
		}
	}
}

func compileSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	file, err := os.Open("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	doc, err := jsonschema.UnmarshalJSON(file)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("fact.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("fact.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func decoded(t *testing.T, data []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestFieldsCoverTheWire walks an encoded full fact: each path in it must be in
// the table, and each path of the table must be in it.
func TestFieldsCoverTheWire(t *testing.T) {
	data, err := full(fact.KindProcess).Encode()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	walk("", decoded(t, data), seen)
	for _, f := range fact.Fields() {
		if strings.HasPrefix(f.Path, "prevalence") {
			continue
		}
		if !seen[f.Path] {
			t.Errorf("the table has %s, the wire has not", f.Path)
		}
		delete(seen, f.Path)
	}
	for path := range seen {
		t.Errorf("the wire has %s, the table has not", path)
	}
}

func walk(path string, v any, seen map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for name, child := range v {
			p := strings.TrimPrefix(path+"."+name, ".")
			seen[p] = true
			walk(p, child, seen)
		}
	case []any:
		walk(path, v[0], seen)
	}
}

// TestGeneratedFilesFollowTheTypes fails when a type or a comment changed and
// nobody ran go generate.
func TestGeneratedFilesFollowTheTypes(t *testing.T) {
	out, err := exec.Command("go", "run", "./gen", "-check").CombinedOutput()
	if err != nil {
		t.Errorf("%s", out)
	}
}

func BenchmarkParse(b *testing.B) {
	f := &fact.Fact{ID: "01JD9Z6Q7M8N9P0Q1R2S3T4V5W", Time: time.Unix(1, 5).UTC(), Kind: fact.KindProcess, Host: fact.Host{ID: "h_x"}, Seq: 7,
		Process: &fact.Process{Action: "start", PID: 4711, StartTicks: 918273, Executable: "/usr/bin/cat", Name: "cat", Hash: &fact.Hash{SHA256: strings.Repeat("9f", 32)},
			Args: []string{"cat", "/etc/passwd"}, Parent: &fact.Parent{PID: 1, Executable: "/sbin/init"}}, User: &fact.User{ID: "0", Name: "root"}}
	data, err := f.Encode()
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := fact.Parse(data); err != nil {
			b.Fatal(err)
		}
	}
}
