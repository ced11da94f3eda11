//go:build linux

package canary

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// event is one event of inotify(7).
type event struct {
	wd     int32
	mask   uint32
	cookie uint32 // the same in both halves of a rename
	name   string // in the folder, raw bytes; empty where the file itself is meant
}

// parseEvents hands the events of one read to each, and tells whether all of
// it was events.
func parseEvents(data []byte, each func(event)) bool {
	const head = unix.SizeofInotifyEvent
	for len(data) >= head {
		e := event{
			wd:     int32(binary.NativeEndian.Uint32(data)),
			mask:   binary.NativeEndian.Uint32(data[4:]),
			cookie: binary.NativeEndian.Uint32(data[8:]),
		}
		n := binary.NativeEndian.Uint32(data[12:])
		if uint64(n) > uint64(len(data)-head) {
			return false
		}
		name := data[head : head+int(n)]
		if end := bytes.IndexByte(name, 0); end >= 0 {
			name = name[:end]
		}
		e.name = string(name)
		each(e)
		data = data[head+int(n):]
	}
	return len(data) == 0
}
