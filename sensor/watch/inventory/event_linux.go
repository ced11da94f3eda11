package inventory

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// event is one of inotify's. Source: inotify(7) struct inotify_event.
type event struct {
	wd   int32
	mask uint32
	name string // of an entry of a watched folder
}

// parseEvents reads what one read of inotify brought. What is cut off is left
// out: the kernel cuts nothing off.
func parseEvents(data []byte) []event {
	var out []event
	for len(data) >= unix.SizeofInotifyEvent {
		size := binary.NativeEndian.Uint32(data[12:])
		if uint64(size) > uint64(len(data)-unix.SizeofInotifyEvent) {
			break
		}
		name := data[unix.SizeofInotifyEvent:][:size]
		for i, b := range name {
			if b == 0 {
				name = name[:i]
				break
			}
		}
		out = append(out, event{
			wd: int32(binary.NativeEndian.Uint32(data)), mask: binary.NativeEndian.Uint32(data[4:]), name: string(name),
		})
		data = data[unix.SizeofInotifyEvent+size:]
	}
	return out
}
