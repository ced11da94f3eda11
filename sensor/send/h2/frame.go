package h2

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
)

// Frame types, RFC 9113 section 6.
const (
	frameData         = 0x0
	frameHeaders      = 0x1
	frameReset        = 0x3
	frameSettings     = 0x4
	framePushPromise  = 0x5
	framePing         = 0x6
	frameGoAway       = 0x7
	frameWindowUpdate = 0x8
	frameContinuation = 0x9
)

// Frame flags; one bit means different things in different types.
const (
	flagEndStream  = 0x1
	flagAck        = 0x1
	flagEndHeaders = 0x4
	flagPadded     = 0x8
	flagPriority   = 0x20
)

// Settings, section 6.5.2.
const (
	settingTableSize     = 0x1
	settingEnablePush    = 0x2
	settingInitialWindow = 0x4
	settingMaxFields     = 0x6
)

// Error codes, section 7.
const (
	codeNone        = 0x0
	codeProtocol    = 0x1
	codeFlowControl = 0x3
	codeFrameSize   = 0x6
	codeCancel      = 0x8
	codeCompression = 0x9
)

const (
	preface        = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	frameHeaderLen = 9
	maxFrame       = 16 << 10 // what neither side has to ask for
	defaultWindow  = 1<<16 - 1
	maxWindow      = 1<<31 - 1
)

// connError is a fault of the peer after which nothing on the connection can
// be trusted.
type connError struct {
	code   uint32
	reason string
}

func (e *connError) Error() string { return "http2: " + e.reason }

func protocolError(format string, args ...any) error {
	return &connError{code: codeProtocol, reason: fmt.Sprintf(format, args...)}
}

type frame struct {
	kind    byte
	flags   byte
	stream  uint32
	payload []byte // valid until the next frame is read
}

func (f *frame) has(flag byte) bool { return f.flags&flag != 0 }

// readFrame reads one frame into buf, which must hold maxFrame bytes.
func readFrame(r *bufio.Reader, buf []byte) (frame, error) {
	var h [frameHeaderLen]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return frame{}, err
	}
	n := int(h[0])<<16 | int(h[1])<<8 | int(h[2])
	if n > maxFrame {
		return frame{}, &connError{code: codeFrameSize, reason: fmt.Sprintf("a frame of %d bytes", n)}
	}
	f := frame{kind: h[3], flags: h[4], stream: binary.BigEndian.Uint32(h[5:]) & maxWindow, payload: buf[:n]}
	_, err := io.ReadFull(r, f.payload)
	return f, err
}

// unpad takes padding and priority off a payload, section 6.1 and 6.2.
func (f *frame) unpad() ([]byte, error) {
	p := f.payload
	pad := 0
	if f.has(flagPadded) {
		if len(p) < 1 {
			return nil, protocolError("padding without a length")
		}
		pad, p = int(p[0]), p[1:]
	}
	if f.kind == frameHeaders && f.has(flagPriority) {
		if len(p) < 5 {
			return nil, protocolError("a priority that is cut off")
		}
		p = p[5:]
	}
	if pad > len(p) {
		return nil, protocolError("more padding than frame")
	}
	return p[:len(p)-pad], nil
}

// appendFrame writes a frame.
func appendFrame(dst []byte, kind, flags byte, stream uint32, payload []byte) []byte {
	n := len(payload)
	dst = append(dst, byte(n>>16), byte(n>>8), byte(n), kind, flags)
	dst = binary.BigEndian.AppendUint32(dst, stream)
	return append(dst, payload...)
}

// appendUint32Frame writes a frame that holds one number.
func appendUint32Frame(dst []byte, kind byte, stream, v uint32) []byte {
	return appendFrame(dst, kind, 0, stream, binary.BigEndian.AppendUint32(nil, v))
}

func appendSetting(dst []byte, id uint16, v uint32) []byte {
	dst = binary.BigEndian.AppendUint16(dst, id)
	return binary.BigEndian.AppendUint32(dst, v)
}
