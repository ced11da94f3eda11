package service

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"testing"
)

// recorded is a connection on which all answers have come already.
type recorded struct {
	net.Conn
	io.Reader
}

func (recorded) Write(b []byte) (int, error)  { return len(b), nil }
func (r recorded) Read(b []byte) (int, error) { return r.Reader.Read(b) }

// FuzzMessage: whatever comes from the socket, a call and a wait end, and on an
// error nothing is handed out.
func FuzzMessage(f *testing.F) {
	f.Add([]byte("l\x02\x01\x01\x08\x00\x00\x00\x01\x00\x00\x00\x0f\x00\x00\x00\x05\x01u\x00\x01\x00\x00\x00\x08\x01g\x00\x01o\x00\x00\x03\x00\x00\x00/ab\x00"))
	f.Add([]byte("l\x03\x01\x01\x06\x00\x00\x00\x01\x00\x00\x00\x16\x00\x00\x00\x05\x01u\x00\x01\x00\x00\x00\x04\x01s\x00\x05\x00\x00\x00a.b.c\x00\x00\x00\x01\x00\x00\x00x\x00"))
	f.Add([]byte("l\x04\x01\x01\x1c\x00\x00\x00\x01\x00\x00\x00\x13\x00\x00\x00\x03\x01s\x00\x0a\x00\x00\x00JobRemoved\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00/j\x00\x00\x01\x00\x00\x00u\x00\x00\x00\x04\x00\x00\x00done\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := &conn{Conn: recorded{Reader: bytes.NewReader(data)}, in: bufio.NewReader(bytes.NewReader(data)), removed: map[string]string{}}
		body, err := c.call(manager, "x", "X", "a", "b")
		if err != nil && body != nil || len(body) > len(data) {
			t.Fatalf("%q and %v", body, err)
		}
		if result, err := c.wait("/j"); err != nil && result != "" {
			t.Fatalf("%q and %v", result, err)
		}
		if s, err := text(data); err != nil && s != "" || len(s) > len(data) {
			t.Fatalf("%q and %v", s, err)
		}
	})
}
