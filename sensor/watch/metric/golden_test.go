//go:build linux

package metric_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"picket.internal/fact"
	"picket.internal/sensor/watch/metric"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestFixturesGolden holds a sample of the procfs fixtures to one that was looked
// over against their text: memory, load, pressure, devices, file systems.
func TestFixturesGolden(t *testing.T) {
	root := fixtures(t)
	at := time.Hour
	cfg := metric.Config{Proc: filepath.Join(root, "proc"), Sys: filepath.Join(root, "sys")}
	cfg.Boot(func() time.Duration { at += 15 * time.Second; return at })
	cfg.Statfs(func(string) (fact.Filesystem, error) {
		return fact.Filesystem{Size: 1 << 30, Available: 1 << 29, Files: 1000, FilesFree: 10}, nil
	})
	c, err := metric.New(cfg)
	must(t, err)
	c.Sample()
	var got bytes.Buffer
	data, err := json.Marshal(c.Sample().Metric)
	must(t, err)
	must(t, json.Indent(&got, append(data, '\n'), "", "  "))
	golden := filepath.Join("testdata", "fixtures.golden.json")
	if *update {
		must(t, os.MkdirAll("testdata", 0o755))
		must(t, os.WriteFile(golden, got.Bytes(), 0o644))
	}
	want, err := os.ReadFile(golden)
	must(t, err)
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
