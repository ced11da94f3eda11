//go:build linux

package packagedb

import "encoding/binary"

const (
	logMagic    = 0x377f0682 // the last bit says which byte order the sums are in
	logHeader   = 32
	frameHeader = 24
	// maxLogged is how many pages may be newer in the log.
	maxLogged = 1 << 18
)

// readLog finds the pages that the write-ahead log has newer than the
// database: those of every transaction that ended, as the running sums prove.
// rpm leaves what it just installed there until somebody checkpoints. Source:
// sqlite.org/fileformat2.html, section 4.
func (t *table) readLog() error {
	f := t.log
	if f == nil || f.size < logHeader {
		return nil
	}
	head := make([]byte, logHeader)
	if err := f.read(head, 0); err != nil {
		return err
	}
	magic, size := binary.BigEndian.Uint32(head), binary.BigEndian.Uint32(head[8:])
	if magic&^1 != logMagic || size < 512 || size > 1<<16 || size&(size-1) != 0 {
		return nil // overwritten from its beginning: there is nothing in it
	}
	sum := logSum{order: binary.LittleEndian}
	if magic&1 == 1 {
		sum.order = binary.BigEndian
	}
	if sum.add(head[:24]); !sum.is(head[24:]) {
		return nil
	}
	logged := make(map[uint32]int64)
	frame := make([]byte, frameHeader+size)
	open := make(map[uint32]int64) // of the transaction that is not at its end
	for at := int64(logHeader); at+int64(len(frame)) <= f.size; at += int64(len(frame)) {
		if err := f.read(frame, at); err != nil {
			return err
		}
		sum.add(frame[:8])
		sum.add(frame[frameHeader:])
		if string(frame[8:16]) != string(head[16:24]) || !sum.is(frame[16:]) || len(logged)+len(open) > maxLogged {
			break // left from before the log began anew, or half written
		}
		open[binary.BigEndian.Uint32(frame)] = at + frameHeader
		if binary.BigEndian.Uint32(frame[4:]) != 0 { // the end of a transaction
			for n, at := range open {
				logged[n] = at
			}
			clear(open)
		}
	}
	if len(logged) > 0 {
		t.logged, t.pageSize = logged, int(size)
	}
	return nil
}

// logSum is the running sum of a log. Source: fileformat2, section 4.2.
type logSum struct {
	order  binary.ByteOrder
	s0, s1 uint32
}

func (s *logSum) add(b []byte) {
	for ; len(b) >= 8; b = b[8:] {
		s.s0 += s.order.Uint32(b) + s.s1
		s.s1 += s.order.Uint32(b[4:]) + s.s0
	}
}

func (s *logSum) is(b []byte) bool {
	return binary.BigEndian.Uint32(b) == s.s0 && binary.BigEndian.Uint32(b[4:]) == s.s1
}
