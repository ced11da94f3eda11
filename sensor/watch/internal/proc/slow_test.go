//go:build linux

package proc

import "testing"

func TestSlowByPath(t *testing.T) {
	points := parsePoints([]byte(`1 0 8:1 / / rw - ext4 /dev/sda1 rw
2 1 0:40 / /home rw shared:1 - autofs auto rw
3 2 0:41 / /home rw - nfs4 server:/home rw
4 1 8:2 / /home/local rw - xfs /dev/sdb rw
5 1 0:50 / /mnt/a\040b rw - fuse.sshfs x rw
broken
`))
	for path, want := range map[string]bool{
		"/":               false,
		"/root/.ssh":      false,
		"/home":           true,
		"/home/alice":     true,
		"/home/local/bob": false,
		"/homework":       false,
		"/mnt/a b/c":      true,
		"relative":        false,
	} {
		if got := points.Slow(path); got != want {
			t.Errorf("%s: slow is %v, want %v", path, got, want)
		}
	}
}
