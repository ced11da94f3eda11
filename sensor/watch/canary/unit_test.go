//go:build linux

package canary_test

import (
	"encoding/binary"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"picket.internal/fact"
	"picket.internal/sensor/watch/canary"
)

// inotify makes an event as the kernel does: a name is padded with NULs.
func inotify(wd int32, mask, cookie uint32, name string) []byte {
	padded := 0
	if name != "" {
		padded = (len(name)/16 + 1) * 16
	}
	b := binary.NativeEndian.AppendUint32(nil, uint32(wd))
	b = binary.NativeEndian.AppendUint32(b, mask)
	b = binary.NativeEndian.AppendUint32(b, cookie)
	b = binary.NativeEndian.AppendUint32(b, uint32(padded))
	return append(append(b, name...), make([]byte, padded-len(name))...)
}

func TestParseEvents(t *testing.T) {
	var data []byte
	want := []canary.Event{
		{1, unix.IN_OPEN, 0, ""},
		{2, unix.IN_MOVED_FROM, 77, "a"},
		{-1, unix.IN_Q_OVERFLOW, 0, ""},
		{3, unix.IN_CREATE, 0, "sixteen-letters!"},
		{4, unix.IN_DELETE, 0, "\xff\n\x1b"},
	}
	for _, e := range want {
		data = append(data, inotify(e.WD, e.Mask, e.Cookie, e.Name)...)
	}
	got, whole := canary.ParseEvents(data)
	if diff := cmp.Diff(want, got); diff != "" || !whole {
		t.Errorf("whole %v (-want +got):\n%s", whole, diff)
	}
	ends := map[int]bool{0: true, len(data): true}
	for at, e := 0, 0; e < len(want); e++ {
		at += len(inotify(want[e].WD, want[e].Mask, want[e].Cookie, want[e].Name))
		ends[at] = true
	}
	for n := range data { // cut anywhere, it must not run over, and say so
		if _, whole := canary.ParseEvents(data[:n]); whole != ends[n] {
			t.Errorf("cut at %d: whole %v", n, whole)
		}
	}
	lies := inotify(1, unix.IN_OPEN, 0, "")
	binary.NativeEndian.PutUint32(lies[12:], 1<<31)
	if got, whole := canary.ParseEvents(lies); whole || len(got) != 0 {
		t.Errorf("a name of 2 GiB: %v, whole %v", got, whole)
	}
}

// fanotify makes an event with a file and, unless -1, a process descriptor.
func fanotify(mask uint64, pid, pidfd int32, handle string) []byte {
	var info []byte
	add := func(kind byte, body []byte) {
		for len(body)%4 != 0 {
			body = append(body, 0)
		}
		info = append(info, kind, 0)
		info = binary.NativeEndian.AppendUint16(info, uint16(4+len(body)))
		info = append(info, body...)
	}
	fid := binary.NativeEndian.AppendUint64(nil, 0x0000000200000001)
	fid = binary.NativeEndian.AppendUint32(fid, uint32(len(handle)))
	fid = binary.NativeEndian.AppendUint32(fid, 9)
	add(unix.FAN_EVENT_INFO_TYPE_FID, append(fid, handle...))
	if pidfd != -1 {
		add(unix.FAN_EVENT_INFO_TYPE_PIDFD, binary.NativeEndian.AppendUint32(nil, uint32(pidfd)))
	}
	b := binary.NativeEndian.AppendUint32(nil, uint32(24+len(info)))
	b = append(b, unix.FANOTIFY_METADATA_VERSION, 0)
	b = binary.NativeEndian.AppendUint16(b, 24)
	b = binary.NativeEndian.AppendUint64(b, mask)
	b = binary.NativeEndian.AppendUint32(b, 0xffffffff) // no descriptor of the file
	b = binary.NativeEndian.AppendUint32(b, uint32(pid))
	return append(b, info...)
}

func TestParseFan(t *testing.T) {
	name := canary.FanName([2]int32{1, 2}, 9, []byte("12345678"))
	data := append(fanotify(unix.FAN_OPEN, 7, 5, "12345678"), fanotify(unix.FAN_ACCESS, 8, -1, "12345678")...)
	data = append(data, fanotify(unix.FAN_ATTRIB, 9, unix.FAN_EPIDFD, "12345678")...)
	got, whole := canary.ParseFan(data)
	want := []canary.FanEvent{
		{unix.FAN_OPEN, 7, 5, name}, {unix.FAN_ACCESS, 8, -1, name}, {unix.FAN_ATTRIB, 9, -1, name},
	}
	if diff := cmp.Diff(want, got); diff != "" || !whole {
		t.Errorf("whole %v (-want +got):\n%s", whole, diff)
	}
	one := fanotify(unix.FAN_OPEN, 7, 5, "12345678")
	for n := range one {
		if _, whole := canary.ParseFan(one[:n]); whole != (n == 0) {
			t.Errorf("cut at %d: whole %v", n, whole)
		}
	}
	for i := range one { // every byte turned over: no panic, no endless loop
		bad := append([]byte(nil), one...)
		bad[i] ^= 0xff
		canary.ParseFan(bad)
	}
}

func TestDecide(t *testing.T) {
	none, file, other := canary.Spot{}, canary.Lies(1, 1, 1, 1, 1), canary.Lies(2, 1, 1, 1, 1)
	for _, c := range []struct {
		name          string
		signs         []string
		before, after canary.Spot
		want          string
	}{
		{"chmod", []string{"attrib"}, file, file, "attrib"},
		{"link", []string{"attrib"}, file, file.WithLinks(2), "attrib"},
		{"rm", []string{"attrib", "selfDeleted", "deleted"}, file, none, "delete"},
		{"rm while open", []string{"attrib", "deleted"}, file, none, "delete"},
		{"rm of one of two names", []string{"attrib", "deleted"}, file, none, "delete"},
		{"only the file's word", []string{"attrib", "selfDeleted"}, file, none, "delete"},
		{"rm and make", []string{"attrib", "selfDeleted", "deleted", "created"}, file, other, "delete"},
		{"mv away", []string{"selfMoved", "movedFrom"}, file, none, "move"},
		{"mv away and another made", []string{"selfMoved", "movedFrom", "created"}, file, other, "move"},
		{"mv over", []string{"movedTo", "attrib", "selfDeleted"}, file, other, "move"},
		{"mv there and back", []string{"selfMoved", "movedFrom", "movedTo"}, file, file, "move"},
		{"folder moved", []string{"above"}, file, none, "move"},
		{"folder touched", []string{"above"}, file, file, ""},
		{"rm -r", []string{"attrib", "selfDeleted", "deleted", "above"}, file, none, "delete"},
		{"unmounted", []string{"unmounted"}, file, none, "delete"},
		{"mounted over", nil, file, other, "move recovered"},
		{"gone without a word", nil, file, none, "delete recovered"},
		{"gone with half a word", []string{"attrib"}, file, none, "delete"},
		{"made at last", []string{"created"}, none, file, ""},
		{"moved to its place at last", []string{"movedTo"}, none, file, ""},
		{"nothing", nil, file, file, ""},
	} {
		if got := canary.Decide(canary.Sign(c.signs...), c.before, c.after); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestMissed(t *testing.T) {
	file := canary.Lies(1, 10, 100, 50, 50)
	for _, c := range []struct {
		name          string
		before, after canary.Spot
		want          []string
	}{
		{"nothing", file, file, nil},
		{"read", file, canary.Lies(1, 10, 200, 50, 50), []string{"read"}},
		{"written", file, canary.Lies(1, 10, 100, 60, 60), []string{"modify"}},
		{"cut, times put back", file, canary.Lies(1, 5, 100, 50, 60), []string{"modify"}},
		{"chmod", file, canary.Lies(1, 10, 100, 50, 60), []string{"attrib"}},
		{"linked and written", file, canary.Lies(1, 10, 100, 60, 60).WithLinks(2), []string{"modify", "attrib"}},
		{"read and written", file, canary.Lies(1, 10, 200, 60, 60), []string{"read", "modify"}},
		{"access time put back", file, canary.Lies(1, 10, 90, 50, 60), []string{"attrib"}},
		{"replaced", file, canary.Lies(2, 10, 100, 50, 50), []string{"move"}},
		{"gone", file, canary.Spot{}, []string{"delete"}},
		{"was not there", canary.Spot{}, file, nil},
	} {
		if diff := cmp.Diff(c.want, canary.Missed(c.before, c.after)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestHidesReads(t *testing.T) {
	now := time.Unix(1000, 0)
	for _, c := range []struct {
		atime, mtime, ctime int64
		want                bool
	}{
		{atime: 900, mtime: 800, ctime: 800, want: true},
		{atime: 700, mtime: 800, ctime: 800},
		{atime: 900, mtime: 800, ctime: 950},
		{atime: 800, mtime: 800, ctime: 700},
		{atime: -90000, mtime: -100000, ctime: -100000},
	} {
		if got := canary.Lies(1, 1, c.atime, c.mtime, c.ctime).HidesReads(now); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// TestHolders: nobody is named who may not have done it.
func TestHolders(t *testing.T) {
	start := time.Now()
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	cat := canary.Seen{PID: 7, FD: "fd/3", At: at(1)}
	tail := canary.Seen{PID: 8, FD: "fd/3", At: at(1)}

	t.Run("one opens, reads, closes", func(t *testing.T) {
		var h canary.Holders
		expect(t, h.Opened(1, cat), map[int32]int64{7: 1})
		is(t, h.Sole(), 7)
		h.Closed(1, at(2))
		is(t, h.Sole(), 0)
	})
	t.Run("one opens twice", func(t *testing.T) {
		var h canary.Holders
		expect(t, h.Opened(2, cat), map[int32]int64{7: 2})
		is(t, h.Sole(), 7)
	})
	t.Run("two open at once", func(t *testing.T) {
		var h canary.Holders
		expect(t, h.Opened(2, cat, tail), map[int32]int64{7: 1, 8: 1})
		is(t, h.Sole(), 0) // either may be the one who reads
	})
	t.Run("three open, two are seen", func(t *testing.T) {
		var h canary.Holders
		expect(t, h.Opened(3, cat, tail), map[int32]int64{7: 1, 8: 1, 0: 1})
	})
	t.Run("nobody is seen, then another", func(t *testing.T) {
		var h canary.Holders
		expect(t, h.Opened(1), map[int32]int64{0: 1})
		expect(t, h.Opened(1, cat), map[int32]int64{0: 1}) // cat may be the first
		is(t, h.Sole(), 0)
	})
	t.Run("seen only when it reads", func(t *testing.T) {
		var h canary.Holders
		expect(t, h.Opened(1), map[int32]int64{0: 1})
		is(t, h.Used(cat), 7)
	})
	t.Run("two read", func(t *testing.T) {
		var h canary.Holders
		expect(t, h.Opened(2), map[int32]int64{0: 2})
		is(t, h.Used(cat), 0)
	})
	t.Run("one who had it is not the one who opens it", func(t *testing.T) {
		var h canary.Holders
		expect(t, h.Opened(1, tail), map[int32]int64{8: 1})
		expect(t, h.Opened(1, tail), map[int32]int64{0: 1}) // the same descriptor: somebody else came and went
		is(t, h.Sole(), 0)
	})
	t.Run("seen before all had closed it", func(t *testing.T) {
		var h canary.Holders
		expect(t, h.Opened(1), map[int32]int64{0: 1})
		h.Closed(1, at(2))
		expect(t, h.Opened(1, cat), map[int32]int64{0: 1}) // cat was seen in second 1
	})
}

func expect(t *testing.T, got, want map[int32]int64) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("opened by (-want +got):\n%s", diff)
	}
}

func is(t *testing.T, got, want int32) {
	t.Helper()
	if got != want {
		t.Errorf("process %d, want %d", got, want)
	}
}

// TestFlood: a flood goes out as counts, and what differs comes through.
func TestFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := canary.NewFloods()
		passed := 0
		pour := func(id, action string, n int) {
			for range n {
				if f.Pass(&fact.Fact{Canary: &fact.Canary{ID: id, Action: action, Attribution: fact.AttributionNone}}, 2) {
					passed++
				}
			}
		}
		var out []*fact.Fact
		flush := func() { out = nil; f.Flush(func(x *fact.Fact) { out = append(out, x) }) }
		pour("a", "read", canary.FloodRoom)
		if passed != canary.FloodRoom {
			t.Errorf("%d of the first %d passed", passed, canary.FloodRoom)
		}
		passed = 0
		pour("a", "read", 1000)
		pour("a", "open", 10)
		pour("b", "read", 1)
		if passed != 1 {
			t.Errorf("%d passed, want only the other canary's", passed)
		}
		flush()
		if len(out) != 2 || out[0].Canary.Count != 2000 || out[1].Canary.Count != 20 {
			t.Errorf("gathered %v", said(out))
		}
		time.Sleep(2 * time.Minute)
		flush()
		passed = 0
		pour("a", "read", 1)
		if passed != 1 || len(out) != 0 {
			t.Errorf("%d passed after a while of calm, %d left over", passed, len(out))
		}
	})
}

func TestNewRefuses(t *testing.T) {
	for name, list := range map[string][]canary.Canary{
		"no id":          {{ID: "", Path: "/a"}},
		"an id twice":    {{ID: "a", Path: "/a"}, {ID: "a", Path: "/b"}},
		"relative path":  {{ID: "a", Path: "a"}},
		"no path at all": {{ID: "a"}},
	} {
		if _, err := canary.New(canary.Config{Canaries: list}); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
