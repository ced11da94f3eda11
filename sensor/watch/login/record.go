package login

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"runtime"
	"time"
)

// Kinds of records. Source: utmp(5).
const (
	recordBoot    = 2
	recordUser    = 7
	recordDead    = 8
	recordLogin   = 6
	recordMaximum = 64 << 10 // records of utmp that are looked at
)

// Record is a record of utmp(5).
type Record struct {
	Kind int16
	PID  int32
	// Line, User and Host are raw bytes; whoever logs in chooses the last two.
	Line, User, Host string
	Time             time.Time
	// Address is the peer's, where there is one.
	Address netip.Addr
}

// RecordSize is the size of a record on this machine. The C library keeps
// 32-bit times where programs of 32 bits may run on the same machine, and
// 64-bit times elsewhere. Source: glibc bits/types/struct_utmp.h, bits/wordsize.h.
func RecordSize() int {
	switch runtime.GOARCH {
	case "arm64", "s390x", "loong64":
		return size64
	}
	return size32
}

const (
	size32 = 384
	size64 = 400
)

// ParseRecord reads a record of 384 or 400 bytes.
func ParseRecord(b []byte) (r Record, ok bool) {
	order := binary.NativeEndian
	if len(b) != size32 && len(b) != size64 {
		return Record{}, false
	}
	r = Record{
		Kind: int16(order.Uint16(b)), PID: int32(order.Uint32(b[4:])),
		Line: text0(b[8:40]), User: text0(b[44:76]), Host: text0(b[76:332]),
	}
	var seconds, micros int64
	var address []byte
	if len(b) == size64 {
		seconds, micros, address = int64(order.Uint64(b[344:])), int64(order.Uint64(b[352:])), b[360:376]
	} else {
		// Unsigned, as the C library has come to see it: until 2106.
		seconds, micros, address = int64(order.Uint32(b[340:])), int64(int32(order.Uint32(b[344:]))), b[348:364]
	}
	if seconds >= 0 && seconds < 1<<37 && micros >= 0 && micros < 1e6 {
		r.Time = time.Unix(seconds, micros*1000).UTC()
	}
	switch {
	case len(bytes.Trim(address, "\x00")) == 0:
	case len(bytes.Trim(address[4:], "\x00")) == 0:
		r.Address = netip.AddrFrom4([4]byte(address[:4]))
	default:
		r.Address = netip.AddrFrom16([16]byte(address)).Unmap()
	}
	if !r.Address.IsValid() {
		if ip, err := netip.ParseAddr(r.Host); err == nil {
			r.Address = ip.WithZone("").Unmap()
		}
	}
	return r, true
}

// text0 is text that ends with a zero byte, or with its field.
func text0(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}
