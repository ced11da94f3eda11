//go:build linux

package canary_test

import (
	"testing"

	"golang.org/x/sys/unix"

	"picket.internal/sensor/watch/canary"
)

// FuzzInotify reads what a queue of inotify gave. What was read is written
// again as the kernel would, and reads the same.
func FuzzInotify(f *testing.F) {
	f.Add(inotify(1, unix.IN_OPEN, 0, ""))
	f.Add(append(inotify(2, unix.IN_MOVED_FROM, 7, "a"), inotify(2, unix.IN_MOVED_TO, 7, "sixteen-letters!")...))
	f.Add([]byte{1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		events, whole := canary.ParseEvents(data)
		if len(events)*unix.SizeofInotifyEvent > len(data) {
			t.Fatalf("%d bytes gave %d events", len(data), len(events))
		}
		var again []byte
		for _, e := range events {
			again = append(again, inotify(e.WD, e.Mask, e.Cookie, e.Name)...)
		}
		same, ok := canary.ParseEvents(again)
		if !ok || len(same) != len(events) {
			t.Fatalf("%d events, whole %v, became %d, whole %v", len(events), whole, len(same), ok)
		}
		for i := range same {
			if same[i] != events[i] {
				t.Fatalf("%+v became %+v", events[i], same[i])
			}
		}
	})
}

// FuzzFanotify reads what a group of fanotify gave.
func FuzzFanotify(f *testing.F) {
	f.Add(fanotify(unix.FAN_OPEN, 7, 5, "12345678"))
	f.Add(append(fanotify(unix.FAN_ACCESS, 8, -1, "12345678"), fanotify(unix.FAN_ATTRIB, 9, unix.FAN_EPIDFD, "1234")...))
	f.Fuzz(func(t *testing.T, data []byte) {
		events, _ := canary.ParseFan(data)
		if len(events)*24 > len(data) {
			t.Fatalf("%d bytes gave %d events", len(data), len(events))
		}
		for _, e := range events {
			if e.PIDFD < -1 || len(e.Name) > len(data) {
				t.Fatalf("read as %+v", e)
			}
		}
	})
}
