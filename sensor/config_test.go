package sensor_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"picket.internal/sensor"
)

func TestParseConfig(t *testing.T) {
	got, err := sensor.ParseConfig([]byte(`{
	"state_dir": "/var/lib/picket",
	"addresses": ["hub-a:7443", "hub-b:7443"],
	"canaries": [{"id": "aws", "path": "/root/.aws/credentials"}],
	"heartbeat": "15s",
	"scan_interval": "1m30s",
	"queue": {"facts": 500},
	"send": {"flush_after": "250ms"},
	"log_level": "debug"
}`), "sensor.json")
	if err != nil {
		t.Fatal(err)
	}
	want := sensor.Config{
		StateDir:     "/var/lib/picket",
		Addresses:    []string{"hub-a:7443", "hub-b:7443"},
		Canaries:     []sensor.Canary{{ID: "aws", Path: "/root/.aws/credentials"}},
		Heartbeat:    sensor.Duration(15 * time.Second),
		ScanInterval: sensor.Duration(90 * time.Second),
		Queue:        sensor.Queue{Facts: 500},
		Send:         sensor.Send{FlushAfter: sensor.Duration(250 * time.Millisecond)},
		LogLevel:     "debug",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}

func TestParseConfigRefuses(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"a misspelled name", "{\n  \"state_dir\": \"/s\",\n  \"canarys\": []\n}",
			`sensor.json:3:3: json.unknown_field at "canarys": there is no such setting; did you mean "canaries"?`},
		{"one in a list", `{"state_dir": "/s", "canaries": [{"id": "a", "file": "/x"}]}`,
			`sensor.json:1:46: json.unknown_field at "canaries.0.file": there is no such setting; there are id, path`},
		{"one in a block", `{"state_dir": "/s", "queue": {"fact": 1}}`,
			`sensor.json:1:31: json.unknown_field at "queue.fact": there is no such setting; did you mean "facts"?`},
		{"another case", `{"state_dir": "/s", "Heartbeat": "15s"}`,
			`sensor.json:1:21: json.unknown_field at "Heartbeat": there is no such setting; did you mean "heartbeat"?`},
		{"a bare number", `{"state_dir": "/s", "heartbeat": 15}`,
			`sensor.json:1:34: json.type at "heartbeat": number where a time span, as in "15s", belongs`},
		{"not a span", `{"state_dir": "/s", "heartbeat": "soon"}`,
			`sensor.json:1:34: json.type at "heartbeat": malformed time span "soon": write it as in "15s", "500ms" or "1m30s"`},
		{"no span at all", `{"state_dir": "/s", "heartbeat": "0s"}`,
			`sensor.json:1:34: json.type at "heartbeat": time span "0s" is not longer than nothing`},
		{"no state folder", `{}`, `sensor.json: state_dir is empty: it must name the folder that picket-sensor enroll made`},
		{"an empty one", `{"state_dir": ""}`, `sensor.json: state_dir is empty: it must name the folder that picket-sensor enroll made`},
		{"a name twice", `{"state_dir": "/s", "state_dir": "/t"}`, `sensor.json:1:21: json.duplicate_key at "state_dir": an object has the name twice`},
		{"text after it", `{"state_dir": "/s"} x`, `sensor.json:1:20: json.trailing_data: more follows the document`},
		{"a canary without a usable id", `{"state_dir": "/s", "canaries": [{"id": "a b", "path": "/x"}]}`,
			`sensor.json: canaries.0.id: malformed id "a b": letters, digits, dots, dashes and underscores, 64 at most`},
		{"two canaries of one id", `{"state_dir": "/s", "canaries": [{"id": "a", "path": "/x"}, {"id": "a", "path": "/y"}]}`,
			`sensor.json: canaries.1.id: there are two canaries "a"`},
		{"a relative canary", `{"state_dir": "/s", "canaries": [{"id": "a", "path": "x"}]}`, `sensor.json: canaries.0.path: "x" is not absolute`},
		{"a reserve of everything", `{"state_dir": "/s", "queue": {"facts": 10, "reserved_facts": 10}}`,
			`sensor.json: queue.reserved_facts: 10 of 10 facts leave no place for others`},
		{"less than nothing", `{"state_dir": "/s", "queue": {"bytes": -1}}`, `sensor.json: queue.bytes: -1 is less than nothing`},
		{"an unknown level", `{"state_dir": "/s", "log_level": "loud"}`, `sensor.json: log_level: "loud" is none of debug, info, warn and error`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg, err := sensor.ParseConfig([]byte(tt.in), "sensor.json")
			if err == nil {
				t.Fatalf("accepted as %+v", cfg)
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(sensor.Config{}, cfg); diff != "" {
				t.Errorf("something came with the error:\n%s", diff)
			}
		})
	}
}

func TestLoadConfigStartsAtItsFolder(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "sensor.json")
	if err := os.WriteFile(path, []byte(`{"state_dir": "state"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := sensor.LoadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(dir, "state"); cfg.StateDir != want {
		t.Errorf("state_dir is %q, want %q", cfg.StateDir, want)
	}
	if _, err := sensor.LoadConfig(filepath.Join(dir, "missing.json")); err == nil {
		t.Error("a missing file is no error")
	}
}
