//go:build linux

package files_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"picket.internal/fact"
	"picket.internal/internal/testneed"
	"picket.internal/sensor/watch/inventory"
	"picket.internal/sensor/watch/inventory/files"
)

// TestThreat_S1_UnreadableFilesAreTold: an unprivileged sensor beside files of
// root says of each that it may not read it, and of a folder that there is more.
func TestThreat_S1_UnreadableFilesAreTold(t *testing.T) {
	const inside = "PICKET_FILES_INSIDE"
	if path := os.Getenv(inside); path != "" {
		s, err := files.New(files.Config{Paths: []files.Path{{Path: path, Recursive: true}}})
		if err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(read(t, s))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Printf("%s\n", data)
		return
	}
	testneed.Root(t)
	dir, err := os.MkdirTemp("", "picket-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	r := tree{t, dir}
	r.put("conf/secret", "x")
	r.put("conf/closed/more", "x")
	image, err := os.ReadFile("/proc/self/exe")
	r.must(err)
	r.must(os.WriteFile(r.at("sensor"), image, 0o755))
	for name, mode := range map[string]os.FileMode{"": 0o755, "conf/secret": 0o600, "conf/closed": 0o700} {
		r.must(os.Chmod(r.at(name), mode))
	}
	cmd := exec.Command(filepath.Join(dir, "sensor"), "-test.run=^"+t.Name()+"$")
	cmd.Env, cmd.Dir = []string{inside + "=" + r.at("conf")}, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	line, _, _ := strings.Cut(string(out), "\n")
	var got inventory.Reading
	r.must(json.Unmarshal([]byte(line), &got))
	if len(got.Facts) != 3 || len(got.Gaps) != 1 || got.Gaps[0].Cause != fact.LossUnreadable || !strings.Contains(got.Gaps[0].Reason, "conf/closed") {
		t.Fatalf("told %s", line)
	}
	f := got.Facts[2].File
	if f.Path != r.at("conf/secret") || f.Hash != nil || f.HashStatus != fact.HashUnreadable || f.Mode != "0600" || f.UID != "0" {
		t.Errorf("told %+v", f)
	}
}
