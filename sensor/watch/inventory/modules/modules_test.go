//go:build linux

package modules_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"picket.internal/fact"
	"picket.internal/internal/testneed"
	"picket.internal/sensor/watch/inventory/modules"
)

func TestParse(t *testing.T) {
	const text = `nf_tables 364544 99 nft_compat,nft_chain_nat, Live 0xffffffffc0a3c000
vboxdrv 598016 0 - Live 0x0000000000000000 (OE)
nvidia 56717312 1 nvidia_modeset,[permanent], Loading 0x0000000000000000 (POE+)
short 1
size x 0 - Live 0x0
`
	want := []*fact.Module{
		{Name: "nf_tables", Size: 364544, UsedBy: []string{"nft_chain_nat", "nft_compat"}},
		{Name: "vboxdrv", Size: 598016, Taints: "OE"},
		{Name: "nvidia", Size: 56717312, UsedBy: []string{"nvidia_modeset"}, Taints: "POE"},
	}
	got, bad := modules.Parse([]byte(text))
	if diff := cmp.Diff(want, got); diff != "" || bad != 2 {
		t.Errorf("%d bad lines (-want +got):\n%s", bad, diff)
	}
}

// TestUbuntu1804 puts that distribution's lsmod, which is made of the kernel's
// list, back into the list's form, and reads it as jc reads lsmod.
func TestUbuntu1804(t *testing.T) {
	folder := testneed.Corpus(t, "host-command-output/ubuntu-18.04")
	oracle, err := os.ReadFile(folder + "/lsmod.json")
	if err != nil {
		t.Fatal(err)
	}
	var jc []struct {
		Module string   `json:"module"`
		Size   uint64   `json:"size"`
		By     []string `json:"by"`
	}
	if err := json.Unmarshal(oracle, &jc); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(folder + "/lsmod.out")
	if err != nil {
		t.Fatal(err)
	}
	var list strings.Builder
	for i, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		fields := strings.Fields(line)
		by := "-"
		if len(fields) > 3 {
			by = fields[3] + ","
		}
		if i > 0 {
			fmt.Fprintf(&list, "%s %s %s %s Live 0x0000000000000000\n", fields[0], fields[1], fields[2], by)
		}
	}
	got, bad := modules.Parse([]byte(list.String()))
	if len(got) != len(jc) || bad != 0 || len(jc) == 0 {
		t.Fatalf("%d modules and %d bad lines, jc has %d", len(got), bad, len(jc))
	}
	for i, want := range jc {
		if got[i].Name != want.Module || got[i].Size != want.Size || len(got[i].UsedBy) != len(want.By) {
			t.Errorf("%+v, jc has %+v", got[i], want)
		}
	}
}

// TestHidden: a module that took itself off the list is told by its folder;
// what is built in is not told.
func TestHidden(t *testing.T) {
	dir := t.TempDir()
	for path, content := range map[string]string{
		"proc/modules": "seen 16384 0 - Live 0x0\n", "sys/seen/initstate": "live\n",
		"sys/diamorphine/initstate": "live\n", "sys/diamorphine/coresize": "12288\n", "sys/diamorphine/taint": "OE\n",
		"sys/printk/parameters/time": "Y\n",
	} {
		os.MkdirAll(filepath.Dir(filepath.Join(dir, path)), 0o755)
		os.WriteFile(filepath.Join(dir, path), []byte(content), 0o644)
	}
	got := read(t, modules.Config{Proc: dir + "/proc", Sys: dir + "/sys"})
	want := []fact.Module{{Name: "seen", Size: 16384}, {Name: "diamorphine", Size: 12288, Taints: "OE"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func read(t testing.TB, cfg modules.Config) (all []fact.Module) {
	t.Helper()
	s, err := modules.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r, err := s.Read(context.Background())
	if err != nil || r.Gaps != nil {
		t.Fatal(err, r)
	}
	for _, f := range r.Facts {
		all = append(all, *f.Module)
	}
	return all
}

// TestHere reads this machine, which may have no modules at all.
func TestHere(t *testing.T) {
	data, _ := os.ReadFile("/proc/modules")
	if got, want := len(read(t, modules.Config{})), strings.Count(string(data), "\n"); got < want {
		t.Errorf("%d modules, the kernel lists %d", got, want)
	}
}

func BenchmarkRead(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		read(b, modules.Config{})
	}
}
