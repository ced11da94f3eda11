package sensor

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestMachineID(t *testing.T) {
	const id = "0123456789abcdef0123456789abcdef"
	missing := filepath.Join(t.TempDir(), "missing")
	a := machineID([]string{missing, write(t, id+"\n")})
	if b := machineID([]string{write(t, id)}); a != b {
		t.Errorf("one machine is %s and %s", a, b)
	}
	// Computed apart: printf 'picket machine v1\n0123456789abcdef0123456789abcdef' | sha256sum
	if want := "4c12cd657b755387161a92194e3f81a38ffba8dad6c562227825a655b7da8096"; a != want {
		t.Errorf("the machine is %s, want %s", a, want)
	}
	for name, file := range map[string]string{"none": missing, "an empty one": write(t, ""), "one not set yet": write(t, "uninitialized\n")} {
		if a, b := machineID([]string{file}), machineID([]string{file}); a == b || len(a) != 64 {
			t.Errorf("with %s, two machines are %q and %q", name, a, b)
		}
	}
}

func TestBootID(t *testing.T) {
	const id = "0f0e0d0c-0b0a-0908-0706-050403020100"
	if got := bootID(write(t, id+"\n")); got != id {
		t.Errorf("got %q, want %q", got, id)
	}
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	if got := bootID(filepath.Join(t.TempDir(), "missing")); !form.MatchString(got) {
		t.Errorf("a host without a boot id got %q", got)
	}
}

func TestThisMachine(t *testing.T) {
	m := thisMachine()
	if len(m.ID) != 64 || m.Name == "" || m.OS == "" || m.Kernel == "" || m.Architecture == "" {
		t.Errorf("this machine is %+v", m)
	}
}
