package inventory

import "testing"

// FuzzEvents: whatever a read of inotify brings, the parser neither fails nor
// makes more events than there is room for.
func FuzzEvents(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x08\x00\x00\x00name\x00\x00\x00\x00"))
	f.Add([]byte("\x01\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\xff\xff\xff\xffname"))
	f.Add([]byte("short"))
	f.Fuzz(func(t *testing.T, data []byte) {
		events := parseEvents(data)
		size := 0
		for _, e := range events {
			size += 16 + len(e.name)
		}
		if size > len(data) {
			t.Errorf("%d bytes of events in %d", size, len(data))
		}
	})
}
