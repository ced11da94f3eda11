//go:build linux

package proc_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"picket.internal/internal/testneed"
	"picket.internal/sensor/watch/internal/proc"
	"picket.internal/sensor/watch/internal/ttar"
)

func open(t testing.TB, root string) *proc.FS {
	t.Helper()
	fs, err := proc.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { fs.Close() })
	return fs
}

func pids(t testing.TB, fs *proc.FS) []int32 {
	t.Helper()
	all, err := fs.Pids(nil, make([]byte, 512)) // small: several reads
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestFixtures reads every process of the procfs fixtures, whatever they hold,
// and compares what is read with the text.
func TestFixtures(t *testing.T) {
	root := filepath.Join(fixtures(t), "proc")
	fs := open(t, root)
	all := pids(t, fs)
	if len(all) < 5 {
		t.Fatalf("only %d processes", len(all))
	}
	for _, pid := range all {
		d, err := fs.Dir(pid)
		if err != nil {
			t.Errorf("%d: %v", pid, err)
			continue
		}
		r, err := d.Read()
		if err == nil {
			compare(t, filepath.Join(root, strconv.Itoa(int(pid))), r)
		}
		d.Glimpse()
		d.Descriptors(nil, make([]byte, 4096))
		d.Leader()
		d.Close()
	}
}

func compare(t *testing.T, dir string, r *proc.Reading) {
	t.Helper()
	text := func(name string) string {
		data, _ := os.ReadFile(filepath.Join(dir, name))
		return string(data)
	}
	if comm := strings.TrimSuffix(text("comm"), "\n"); comm != "" && r.Name != comm {
		t.Errorf("%s: name %q, comm %q", dir, r.Name, comm)
	}
	fields := strings.Fields(text("stat")[strings.LastIndex(text("stat"), ")")+1:])
	if want := fields[19]; fmt.Sprint(r.StartTicks) != want {
		t.Errorf("%s: start %d, want %s", dir, r.StartTicks, want)
	}
	if want := fields[1]; fmt.Sprint(r.PPID) != want {
		t.Errorf("%s: parent %d, want %s", dir, r.PPID, want)
	}
	var args []string
	for _, a := range r.Args {
		args = append(args, string(a))
	}
	if want := strings.TrimSuffix(text("cmdline"), "\x00"); !r.Kernel() && !r.Ended() && strings.Join(args, "\x00") != want {
		t.Errorf("%s: args %q, want %q", dir, args, want)
	}
	if cwd, err := os.Readlink(filepath.Join(dir, "cwd")); err == nil && !r.Kernel() && r.Cwd != cwd {
		t.Errorf("%s: cwd %q, want %q", dir, r.Cwd, cwd)
	}
	if status := text("status"); r.Owned && !strings.Contains(status, fmt.Sprintf("\nUid:\t%d\t%d\t", r.IDs.RealUser, r.IDs.User)) {
		t.Errorf("%s: ids %+v are not in the status", dir, r.IDs)
	}
}

// hostile makes a proc file system with one process of the test's making.
func hostile(t *testing.T, pid int, stat string) (fs *proc.FS, dir string) {
	t.Helper()
	root := t.TempDir()
	dir = filepath.Join(root, strconv.Itoa(pid))
	for _, sub := range []string{dir, filepath.Join(root, "self")} {
		if err := os.Mkdir(sub, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "stat"), []byte(stat), 0o644); err != nil {
		t.Fatal(err)
	}
	return open(t, root), dir
}

func TestReadSurvivesAnything(t *testing.T) {
	fifo := func(t *testing.T, path string) {
		if err := unix.Mkfifo(path, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, spoil := range map[string]func(*testing.T, string){
		"nothing else": func(*testing.T, string) {},
		"FIFOs": func(t *testing.T, dir string) {
			for _, f := range []string{"status", "cmdline", "cgroup"} {
				fifo(t, filepath.Join(dir, f))
			}
		},
		"folders": func(t *testing.T, dir string) {
			for _, f := range []string{"status", "cmdline", "cgroup", "exe", "cwd"} {
				os.Mkdir(filepath.Join(dir, f), 0o755)
			}
		},
		"endless files": func(t *testing.T, dir string) {
			for _, f := range []string{"status", "cmdline", "cgroup"} {
				os.Symlink("/dev/zero", filepath.Join(dir, f))
			}
		},
		"huge files": func(t *testing.T, dir string) {
			for _, f := range []string{"status", "cmdline", "cgroup"} {
				os.WriteFile(filepath.Join(dir, f), []byte(strings.Repeat("x:\x00\n", 1<<20)), 0o644)
			}
		},
		"loops": func(t *testing.T, dir string) {
			for _, f := range []string{"exe", "cwd", "root"} {
				os.Symlink(f, filepath.Join(dir, f))
			}
		},
		"long links": func(t *testing.T, dir string) {
			os.Symlink("/"+strings.Repeat("\x01", 4090), filepath.Join(dir, "exe"))
			os.Symlink("/"+strings.Repeat("\xff", 4090), filepath.Join(dir, "cwd"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			fs, dir := hostile(t, 77, "77 (x)"+tail)
			spoil(t, dir)
			d, err := fs.Dir(77)
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			r, err := d.Read()
			if err != nil {
				t.Fatal(err)
			}
			if r.StartTicks != 424242 || len(r.Args) > proc.MaxArgs {
				t.Errorf("read as %+v", r)
			}
		})
	}
}

// TestOpenProcessIsNotAnother: the folder of a process leads nowhere once the
// process is gone, whatever has its number then.
func TestOpenProcessIsNotAnother(t *testing.T) {
	fs, dir := hostile(t, 77, "77 (first)"+tail)
	d, err := fs.Dir(77)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := os.Rename(dir, dir+".gone"); err != nil {
		t.Fatal(err)
	}
	os.Mkdir(dir, 0o755)
	os.WriteFile(filepath.Join(dir, "stat"), []byte("77 (second)"+tail), 0o644)
	r, err := d.Read()
	if err != nil || r.Name != "first" {
		t.Errorf("read %+v, %v; want the process that was opened", r, err)
	}
	os.RemoveAll(dir + ".gone")
	if r, err := d.Read(); !errors.Is(err, proc.ErrGone) {
		t.Errorf("read %+v, %v of a process that is gone", r, err)
	}
	if _, err := fs.Dir(78); !errors.Is(err, proc.ErrGone) {
		t.Errorf("opening nobody: %v", err)
	}
}

func TestSelf(t *testing.T) {
	fs := open(t, "")
	pid := int32(os.Getpid())
	if !slices.Contains(pids(t, fs), pid) {
		t.Fatal("the test is not among the processes")
	}
	d, err := fs.Dir(pid)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	r, err := d.Read()
	if err != nil {
		t.Fatal(err)
	}
	exe, _ := os.Executable()
	cwd, _ := os.Getwd()
	if r.Path != exe || r.Cwd != cwd || r.PPID != int32(os.Getppid()) || !r.HasImage || r.Deleted() || r.InMemory || r.Kernel() {
		t.Errorf("read as %+v", r)
	}
	if r.IDs.User != uint32(os.Geteuid()) || !r.Owned || len(r.Args) != len(os.Args) {
		t.Errorf("ids %+v, args %q", r.IDs, r.Args)
	}
	if d.Slow(r.Image) {
		t.Error("the test's own executable counts as slow")
	}
	if fs.Waiting() != 0 {
		t.Error("a read was left behind")
	}
}

func BenchmarkRead(b *testing.B) {
	fs := open(b, "")
	pid := int32(os.Getpid())
	for b.Loop() {
		d, err := fs.Dir(pid)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := d.Read(); err != nil {
			b.Fatal(err)
		}
		d.Close()
	}
}

// fixtures unpacks the shared procfs fixtures and returns the folder that holds
// proc and sys.
func fixtures(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	archive := filepath.Join(testneed.Corpus(t, "procfs-fixtures"), "fixtures.ttar")
	if err := ttar.Unpack(archive, dir); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "fixtures")
}
