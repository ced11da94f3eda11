package file_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"picket.internal/internal/testneed"
	"picket.internal/strictjson"
	"picket.internal/wrappers/internal/action"
	"picket.internal/wrappers/internal/action/file"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func host(t testing.TB) action.Root {
	testneed.Root(t)
	root := action.Root{Dir: t.TempDir()}
	for _, dir := range []string{"tmp", "etc"} {
		must(t, os.Mkdir(filepath.Join(root.Dir, dir), 0o755))
	}
	return root
}

func refused(t testing.TB, err error, code string) {
	t.Helper()
	var r *action.Refusal
	if !errors.As(err, &r) || r.Code != code {
		t.Fatalf("%v, want the refusal %s", err, code)
	}
}

// kept is the record as the next run of the program reads it.
func kept(t testing.TB, r *file.Record) *file.Record {
	t.Helper()
	data, err := strictjson.Encode(r)
	must(t, err)
	var again file.Record
	must(t, strictjson.Decode(data, strictjson.Limits{}, &again, nil))
	return &again
}

// seen is all that there is to a file but its inode and the time of its last change.
type seen struct {
	Bytes        string
	UID, GID     uint32
	Mode         uint32
	Atime, Mtime unix.Timespec
	Xattrs       map[string][]byte
	Flags        int
}

func look(t testing.TB, path string) seen {
	t.Helper()
	var st unix.Stat_t
	must(t, unix.Lstat(path, &st))
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	data, err := os.ReadFile(path)
	must(t, err)
	xattrs, err := action.Xattrs(f)
	must(t, err)
	flags, _ := unix.IoctlGetInt(int(f.Fd()), unix.FS_IOC_GETFLAGS)
	return seen{string(data), st.Uid, st.Gid, st.Mode, st.Atim, st.Mtim, xattrs, flags}
}

const evil = "#!/bin/sh\nevil\n"

// target is a file as a token names it.
type target struct{ path, sha256 string }

func prepareAt(root action.Root, at target) (*file.Record, error) {
	return file.Prepare(root, at.path, at.sha256)
}

// plant makes a file with everything that one can have.
func plant(t testing.TB, path string) target {
	t.Helper()
	must(t, os.WriteFile(path, []byte(evil), 0o644))
	must(t, os.Chown(path, 1234, 5678))
	for name, value := range map[string]string{
		"user.note":               strings.Repeat("x", 900),
		"security.capability":     "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
		"system.posix_acl_access": "\x02\x00\x00\x00\x01\x00\x06\x00\xff\xff\xff\xff\x02\x00\x04\x00\xe8\x03\x00\x00\x04\x00\x04\x00\xff\xff\xff\xff\x10\x00\x04\x00\xff\xff\xff\xff\x20\x00\x04\x00\xff\xff\xff\xff",
	} {
		if err := unix.Setxattr(path, name, []byte(value), 0); err != nil {
			t.Fatalf("setting %s: %v", name, err)
		}
	}
	must(t, unix.Chmod(path, 0o4755))
	must(t, unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{{Sec: 2e9, Nsec: 5}, {Sec: 1e9, Nsec: 123456789}}, 0))
	return target{path: path, sha256: action.Hash([]byte(evil))}
}

// below is the path as the root sees it.
func below(root action.Root, args target) target {
	args.path = strings.TrimPrefix(args.path, root.Dir)
	return args
}

func prepare(t testing.TB, root action.Root, args target) *file.Record {
	t.Helper()
	r, err := prepareAt(root, below(root, args))
	must(t, err)
	return kept(t, r)
}

// names are what a folder has in it.
func names(t testing.TB, dir string) string {
	t.Helper()
	list, err := os.ReadDir(dir)
	must(t, err)
	var all []string
	for _, e := range list {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

func TestQuarantineAndRestore(t *testing.T) {
	for _, c := range []string{"same mount", "across mounts", "across mounts, without attributes", "immutable", "no UTF-8"} {
		t.Run(c, func(t *testing.T) {
			root := host(t)
			dir, name := filepath.Join(root.Dir, "tmp"), "evil"
			if strings.HasPrefix(c, "across mounts") {
				must(t, unix.Mount("picket", dir, "tmpfs", 0, "size=8m"))
				t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
			}
			if c == "no UTF-8" {
				name = "\xff\xfe"
			}
			must(t, os.Chmod(dir, 0o755|os.ModeSetgid))
			acl := "\x02\x00\x00\x00\x01\x00\x07\x00\xff\xff\xff\xff\x02\x00\x07\x00\xe8\x03\x00\x00\x04\x00\x07\x00\xff\xff\xff\xff\x10\x00\x07\x00\xff\xff\xff\xff\x20\x00\x07\x00\xff\xff\xff\xff"
			path := filepath.Join(dir, name)
			args := plant(t, path)
			if strings.HasSuffix(c, "without attributes") {
				for _, name := range []string{"user.note", "security.capability", "system.posix_acl_access"} {
					must(t, unix.Removexattr(path, name))
				}
			}
			if c == "immutable" {
				f, err := os.Open(path)
				must(t, err)
				defer f.Close()
				if err := unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, 0x10); err != nil {
					testneed.Missing(t, "needs a file system with flags, such as ext4, for temporary files: "+err.Error())
				}
				folder, err := os.Open(dir)
				must(t, err)
				defer folder.Close()
				must(t, action.SetFlags(folder, 0x10))
				defer func() {
					if had, err := action.Loosen(folder); err != nil || had&0x10 == 0 {
						t.Errorf("the folder's flags are %x, %v", had, err)
					}
				}()
				t.Cleanup(func() {
					if f, err := os.Open(path); err == nil {
						unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, 0)
						f.Close()
					}
				})
			}
			before := look(t, path)
			if c != "immutable" {
				must(t, unix.Setxattr(dir, "system.posix_acl_default", []byte(acl), 0))
			}
			r := prepare(t, root, args)
			for range 2 {
				effect, err := r.Do(root)
				if must(t, err); effect["state"] != "quarantined" || effect["sha256"] != args.sha256 {
					t.Errorf("effect %v", effect)
				}
				if left := names(t, dir); left != "" {
					t.Errorf("left in the folder: %s", left)
				}
				in := look(t, filepath.Join(root.State(), "quarantine", r.ID))
				if in.Bytes != evil || in.UID != 0 || in.GID != 0 || in.Mode != unix.S_IFREG {
					t.Errorf("kept as %+v", in)
				}
			}
			for range 2 {
				effect, err := r.Undo(root)
				if must(t, err); effect["state"] != "restored" {
					t.Errorf("effect %v", effect)
				}
				if diff := cmp.Diff(before, look(t, path)); diff != "" {
					t.Errorf("(-before +after):\n%s", diff)
				}
				if left := names(t, dir) + "|" + names(t, filepath.Join(root.State(), "quarantine")); left != name+"|" {
					t.Errorf("there is %q", left)
				}
			}
		})
	}
}

func TestThreat_W12_WhatIsNotMoved(t *testing.T) {
	root := host(t)
	dir := filepath.Join(root.Dir, "tmp")
	at := func(name string) string { return filepath.Join(dir, name) }
	good := plant(t, at("evil"))
	must(t, os.Mkdir(at("folder"), 0o755))
	must(t, unix.Mkfifo(at("pipe"), 0o644))
	must(t, os.Symlink("evil", at("link")))
	must(t, os.Symlink(".", at("here")))
	must(t, os.WriteFile(at("one"), []byte(evil), 0o4755))
	must(t, os.Link(at("one"), at("two")))
	before := look(t, at("evil"))
	for _, c := range []struct{ path, sum, code string }{
		{at("pipe"), good.sha256, "quar.not_regular"},
		{at("folder"), good.sha256, "quar.not_regular"},
		{at("link"), good.sha256, "quar.not_regular"},
		{at("here/evil"), good.sha256, "quar.unsafe_path"},
		{at("one"), good.sha256, "quar.nlink"},
		{at("none"), good.sha256, "quar.gone"},
		{at("evil/x"), good.sha256, "quar.gone"},
		{at("evil"), strings.Repeat("0", 64), "quar.changed"},
		{at("evil"), "abc", "eat.bad_param"},
		{dir + "/x/../evil", good.sha256, "eat.bad_param"},
		{root.Dir + "/../evil", good.sha256, "eat.bad_param"},
		{"evil", good.sha256, "eat.bad_param"},
		{"", good.sha256, "eat.bad_param"},
		{at("evil\x00"), good.sha256, "eat.bad_param"},
	} {
		_, err := prepareAt(root, below(root, target{c.path, c.sum}))
		t.Log(c.path, err)
		refused(t, err, c.code)
	}
	if diff := cmp.Diff(before, look(t, at("evil"))); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
	if _, err := os.Stat(root.State()); err == nil {
		t.Error("preparing made something")
	}
}

// TestChangedBetween: what is at the path when it is moved is not what was
// looked at, and goes back.
func TestChangedBetween(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"written to": func(path string) error { return os.WriteFile(path, []byte("other"), 0o644) },
		"replaced": func(path string) error {
			return errors.Join(os.WriteFile(path+"~", []byte(evil), 0o644), os.Rename(path+"~", path))
		},
		"link": func(path string) error {
			return errors.Join(os.Remove(path), os.Symlink("/etc/passwd", path))
		},
		"folder":    func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o755)) },
		"two names": func(path string) error { return os.Link(path, path+"2") },
	} {
		root := host(t)
		path := filepath.Join(root.Dir, "tmp/evil")
		r := prepare(t, root, plant(t, path))
		must(t, change(path))
		var before, after unix.Stat_t
		must(t, unix.Lstat(path, &before))
		list := names(t, filepath.Dir(path))
		_, err := r.Do(root)
		t.Log(name, err)
		code := "quar.changed"
		if name == "two names" {
			code = "quar.nlink"
		}
		refused(t, err, code)
		must(t, unix.Lstat(path, &after))
		if before.Ino != after.Ino || before.Mode != after.Mode || before.Uid != after.Uid || names(t, filepath.Dir(path)) != list {
			t.Errorf("%s: it did not come back: %+v, was %+v, there is %s", name, after, before, names(t, filepath.Dir(path)))
		}
	}
}

func TestNeverWritesOverAnything(t *testing.T) {
	root := host(t)
	path := filepath.Join(root.Dir, "tmp/evil")
	r := prepare(t, root, plant(t, path))
	_, err := r.Do(root)
	must(t, err)
	must(t, os.WriteFile(path, []byte("mine"), 0o644))
	_, err = r.Undo(root)
	refused(t, err, "quar.occupied")
	if data, _ := os.ReadFile(path); string(data) != "mine" {
		t.Errorf("in its place is %q", data)
	}
	must(t, os.Remove(path))
	keep := filepath.Join(root.State(), "quarantine", r.ID)
	must(t, os.WriteFile(keep, []byte("other"), 0))
	_, err = r.Undo(root)
	refused(t, err, "quar.damaged")
	must(t, os.WriteFile(keep, []byte(evil), 0))
	_, err = r.Undo(root)
	must(t, err)
}

// TestKilledInTheMiddle: each state that a crash leaves behind is gone on from.
func TestKilledInTheMiddle(t *testing.T) {
	for _, across := range []bool{false, true} {
		for _, state := range []string{"in the box", "half a copy", "copied", "half a copy back", "copied back"} {
			if !across && strings.Contains(state, "cop") {
				continue
			}
			root := host(t)
			dir := filepath.Join(root.Dir, "tmp")
			if across {
				must(t, unix.Mount("picket", dir, "tmpfs", 0, "size=8m"))
			}
			path := filepath.Join(dir, "evil")
			args := plant(t, path)
			before := look(t, path)
			r := prepare(t, root, args)
			box, store := filepath.Join(dir, ".picket-"+r.ID), filepath.Join(root.State(), "quarantine")
			must(t, os.MkdirAll(store, 0o700))
			must(t, os.Mkdir(box, 0o700))
			switch state {
			case "copied":
				must(t, os.WriteFile(filepath.Join(store, r.ID), []byte(evil), 0o600))
				must(t, os.Rename(path, box+"/file"))
			case "half a copy":
				must(t, os.WriteFile(filepath.Join(store, r.ID+".part"), []byte("#!/"), 0o600))
				must(t, os.Rename(path, box+"/file"))
			case "in the box":
				must(t, os.Rename(path, box+"/file"))
			default:
				_, err := r.Do(root)
				must(t, err)
				must(t, os.Mkdir(box, 0o700))
				must(t, os.WriteFile(box+"/file", []byte(evil[:len(evil)*len(state)/16]), 0o600))
				if state == "half a copy back" {
					must(t, os.Rename(box+"/file", box+"/file.part"))
				}
			}
			if !strings.HasSuffix(state, "back") {
				_, err := r.Do(root)
				must(t, err)
				if left := names(t, dir) + names(t, store); left != r.ID {
					t.Errorf("%s: there is %s", state, left)
				}
			}
			_, err := r.Undo(root)
			must(t, err)
			if diff := cmp.Diff(before, look(t, path)); diff != "" {
				t.Errorf("%s, across %v: (-before +after):\n%s", state, across, diff)
			}
			if across {
				must(t, unix.Unmount(dir, unix.MNT_DETACH))
			}
		}
	}
}

// TestThreat_W12_Swapper: while a file is taken away, its owner puts the file,
// a link to it and a link or a hard link to a stand-in for passwd in its place,
// as fast as it can. The stand-in is never touched.
func TestThreat_W12_Swapper(t *testing.T) {
	root := host(t)
	total := 2000
	if os.Getenv("PICKET_SOAK") == "1" {
		total = 100_000
	}
	passwd := filepath.Join(root.Dir, "etc/passwd")
	must(t, os.WriteFile(passwd, []byte("root:x:0:0::/root:/bin/sh\n"), 0o644))
	before := look(t, passwd)
	var inode unix.Stat_t
	must(t, unix.Stat(passwd, &inode))
	dir := filepath.Join(root.Dir, "tmp")
	path := filepath.Join(dir, "evil")
	args := target{path: "/tmp/evil", sha256: action.Hash([]byte(evil))}
	stop, swapper := make(chan struct{}), sync.WaitGroup{}
	swapper.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			next := path + "~"
			os.Remove(next)
			switch i % 4 {
			case 0, 2:
				os.WriteFile(next, []byte(evil), 0o755)
			case 1:
				os.Symlink(passwd, next)
			case 3:
				os.Link(passwd, next)
			}
			os.Rename(next, path)
			for range (i + 1) % 2 * (i % 64) { // the file stays for longer, so that some tries get far
				os.Lstat(path)
			}
		}
	})
	outcomes := map[string]int{}
	for range total {
		r, err := prepareAt(root, args)
		var refusal *action.Refusal
		if err == nil {
			_, err = r.Do(root)
			if err == nil {
				if in := look(t, filepath.Join(root.State(), "quarantine", r.ID)); in.Bytes != evil {
					t.Fatalf("kept %+v", in)
				}
			}
			os.Remove(filepath.Join(root.State(), "quarantine", r.ID))
			os.RemoveAll(filepath.Join(dir, ".picket-"+r.ID))
		}
		switch {
		case errors.As(err, &refusal):
			outcomes[refusal.Code]++
		case err != nil:
			t.Fatal(err)
		default:
			outcomes["quarantined"]++
		}
	}
	close(stop)
	swapper.Wait()
	t.Log(outcomes)
	os.Remove(path)
	os.Remove(path + "~")
	after := look(t, passwd)
	after.Atime = before.Atime // it was read
	var now unix.Stat_t
	must(t, unix.Stat(passwd, &now))
	if diff := cmp.Diff(before, after); diff != "" || now.Ino != inode.Ino || now.Nlink != 1 {
		t.Errorf("inode %d was %d, %d names (-before +after):\n%s", now.Ino, inode.Ino, now.Nlink, diff)
	}
	if outcomes["quarantined"] == 0 || outcomes["quar.changed"] == 0 {
		t.Errorf("outcomes %s: want some taken and some refused", fmt.Sprint(outcomes))
	}
}
