package h2

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// hostile is a peer that says what a test wants, whatever it is asked.
func hostile(t testing.TB, says []byte) *Conn {
	t.Helper()
	ours, theirs := net.Pipe()
	go io.Copy(io.Discard, theirs)
	go func() {
		theirs.Write(says)
		theirs.Close()
	}()
	c, err := New(ours, Config{PingAfter: time.Second, Timeout: time.Second})
	if err != nil {
		return nil // it had gone already
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// ask registers a stream before the peer speaks, so that its frames have one.
func ask(t *testing.T, says []byte, hangUp bool) (*Response, error) {
	t.Helper()
	ours, theirs := net.Pipe()
	t.Cleanup(func() { theirs.Close() })
	c, err := newAfter(ours, theirs)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	go func() {
		// The request: everything up to the end of its header.
		var h [frameHeaderLen]byte
		for {
			if _, err := io.ReadFull(theirs, h[:]); err != nil {
				return
			}
			io.CopyN(io.Discard, theirs, int64(h[0])<<16|int64(h[1])<<8|int64(h[2]))
			if h[3] == frameHeaders {
				break
			}
		}
		go io.Copy(io.Discard, theirs)
		theirs.Write(says)
		if hangUp {
			theirs.Close()
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return c.Do(ctx, &Request{Method: "GET", Authority: "a", Path: "/"})
}

// newAfter makes a connection whose preface the peer has read.
func newAfter(ours, theirs net.Conn) (*Conn, error) {
	go io.ReadFull(theirs, make([]byte, len(preface)))
	type made struct {
		c   *Conn
		err error
	}
	done := make(chan made)
	go func() {
		c, err := New(&split{Conn: ours}, Config{PingAfter: time.Second, Timeout: time.Second})
		done <- made{c, err}
	}()
	m := <-done
	return m.c, m.err
}

// split writes the preface apart from what follows, and drops the settings, so
// that the test reads frames only.
type split struct {
	net.Conn
	begun bool
}

func (s *split) Write(p []byte) (int, error) {
	if s.begun {
		return s.Conn.Write(p)
	}
	s.begun = true
	if _, err := s.Conn.Write(p[:len(preface)]); err != nil {
		return 0, err
	}
	return len(p), nil
}

func frames(all ...[]byte) []byte { return bytes.Join(all, nil) }

func header(flags byte, stream uint32, fields ...string) []byte {
	var block []byte
	for i := 0; i < len(fields); i += 2 {
		block = appendField(block, fields[i], fields[i+1])
	}
	return appendFrame(nil, frameHeaders, flags, stream, block)
}

var u32 = func(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }

func TestAnswers(t *testing.T) {
	ok := header(flagEndHeaders, 1, ":status", "200")
	body := appendFrame(nil, frameData, flagEndStream, 1, []byte("hello"))
	tests := []struct {
		name string
		says []byte
	}{
		{"plain", frames(ok, body)},
		{"with settings, pings and windows around it", frames(
			appendFrame(nil, frameSettings, 0, 0, appendSetting(nil, settingInitialWindow, 1)),
			appendFrame(nil, frameSettings, flagAck, 0, nil),
			ok, appendFrame(nil, framePing, 0, 0, make([]byte, 8)),
			appendUint32Frame(nil, frameWindowUpdate, 1, 5), appendUint32Frame(nil, frameWindowUpdate, 0, 5), body)},
		{"after one of progress", frames(header(flagEndHeaders, 1, ":status", "103"), ok, body)},
		{"in pieces", frames(
			appendFrame(nil, frameHeaders, 0, 1, []byte{0x88, 0x00, 1}),
			appendFrame(nil, frameContinuation, 0, 1, []byte{'a', 1}),
			appendFrame(nil, frameContinuation, flagEndHeaders, 1, []byte{'b'}),
			appendFrame(nil, frameData, 0, 1, []byte("hel")), appendFrame(nil, frameData, flagEndStream, 1, []byte("lo")))},
		{"with padding and priority", frames(
			appendFrame(nil, frameHeaders, flagEndHeaders|flagPadded|flagPriority, 1, []byte{2, 0, 0, 0, 0, 9, 0x88, 0, 0}),
			appendFrame(nil, frameData, flagEndStream|flagPadded, 1, []byte("\x03hello\x00\x00\x00")))},
		{"with a trailer", frames(ok, appendFrame(nil, frameData, 0, 1, []byte("hello")), header(flagEndHeaders|flagEndStream, 1, "a", "b"))},
		{"with frames of a kind that is not known", frames(appendFrame(nil, 0xbb, 0xff, 7, []byte("?")), ok, body)},
		{"before a goodbye", frames(ok, appendFrame(nil, frameGoAway, 0, 0, append(u32(1), u32(0)...)), body)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res, err := ask(t, tt.says, false)
			if err != nil {
				t.Fatal(err)
			}
			if res.Status != 200 || string(res.Body) != "hello" {
				t.Errorf("got %+v", res)
			}
		})
	}
}

func TestAnswersRefused(t *testing.T) {
	ok := header(flagEndHeaders, 1, ":status", "200")
	tests := []struct {
		name string
		says []byte
		want string
	}{
		{"nothing", nil, "EOF"},
		{"no HTTP/2", []byte("HTTP/1.1 400 Bad Request\r\n\r\n"), "a frame of"},
		{"a frame that is cut off", ok[:len(ok)-2], "EOF"},
		{"a frame that is too large", []byte{0x00, 0x40, 0x01, 0, 0, 0, 0, 0, 1}, "a frame of 16385 bytes"},
		{"a stream that was not opened", header(flagEndHeaders, 3, ":status", "200"), "never opened"},
		{"a stream of the peer", header(flagEndHeaders, 2, ":status", "200"), "never opened"},
		{"data of the connection", appendFrame(nil, frameData, 0, 0, nil), "never opened"},
		{"no status", header(flagEndHeaders, 1, "a", "b"), "without a status"},
		{"no header", header(flagEndHeaders, 1), "without a status"},
		{"a status of no sense", header(flagEndHeaders, 1, ":status", "2oo"), `status "2oo"`},
		{"an end without an answer", header(flagEndHeaders|flagEndStream, 1, ":status", "100"), "ends with status 100"},
		{"a body before its header", appendFrame(nil, frameData, 0, 1, []byte("x")), "before its header"},
		{"two headers", frames(ok, ok), "second header"},
		{"a push", appendFrame(nil, framePushPromise, flagEndHeaders, 1, u32(2)), "a push"},
		{"a broken header", appendFrame(nil, frameHeaders, flagEndHeaders, 1, []byte{0x80}), "malformed header block"},
		{"a header without end", frames(appendFrame(nil, frameHeaders, 0, 1, make([]byte, 16<<10)), appendFrame(nil, frameContinuation, 0, 1, make([]byte, 16<<10)), appendFrame(nil, frameContinuation, 0, 1, []byte{0})), "a header of more than"},
		{"a header that another frame breaks", frames(appendFrame(nil, frameHeaders, 0, 1, nil), appendFrame(nil, framePing, 0, 0, make([]byte, 8))), "does not go on"},
		{"a header that goes on from nothing", appendFrame(nil, frameContinuation, 0, 1, nil), "without a beginning"},
		{"padding of more than all", appendFrame(nil, frameHeaders, flagEndHeaders|flagPadded, 1, []byte{9, 0x88}), "more padding"},
		{"padding of no length", appendFrame(nil, frameData, flagPadded, 1, nil), "padding without"},
		{"a priority that is cut off", appendFrame(nil, frameHeaders, flagPriority, 1, []byte{0, 0}), "priority"},
		{"settings of a stream", appendFrame(nil, frameSettings, 0, 1, nil), "malformed settings"},
		{"settings that are cut off", appendFrame(nil, frameSettings, 0, 0, make([]byte, 5)), "malformed settings"},
		{"settings with an answer", appendFrame(nil, frameSettings, flagAck, 0, make([]byte, 6)), "malformed settings"},
		{"a window of 2^31", appendFrame(nil, frameSettings, 0, 0, appendSetting(nil, settingInitialWindow, 1<<31)), "a window of"},
		{"a window that grows by nothing", appendUint32Frame(nil, frameWindowUpdate, 0, 0), "grows by 0"},
		{"a window that overflows", appendUint32Frame(nil, frameWindowUpdate, 1, maxWindow), "grows by"},
		{"a window update that is cut off", appendFrame(nil, frameWindowUpdate, 0, 0, nil), "another size"},
		{"a window of a stream never opened", appendUint32Frame(nil, frameWindowUpdate, 5, 1), "never opened"},
		{"a ping that is cut off", appendFrame(nil, framePing, 0, 0, nil), "malformed ping"},
		{"a reset that is cut off", appendFrame(nil, frameReset, 0, 1, nil), "another size"},
		{"a reset", appendUint32Frame(nil, frameReset, 1, 7), "with code 7"},
		{"a goodbye that is cut off", appendFrame(nil, frameGoAway, 0, 0, nil), "malformed goodbye"},
		{"a goodbye that leaves the request out", appendFrame(nil, frameGoAway, 0, 0, append(u32(0), u32(0)...)), "no more requests"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res, err := ask(t, tt.says, tt.want == "EOF")
			if err == nil {
				t.Fatalf("got %+v", res)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %q, want words about %q", err, tt.want)
			}
		})
	}
}

// FuzzPeer: whatever a peer says, a request ends, and memory stays bounded.
func FuzzPeer(f *testing.F) {
	ok := header(flagEndHeaders, 1, ":status", "200")
	f.Add(frames(ok, appendFrame(nil, frameData, flagEndStream, 1, []byte("hello"))))
	f.Add(frames(appendFrame(nil, frameSettings, 0, 0, appendSetting(nil, settingInitialWindow, 1)), ok))
	f.Add(appendFrame(nil, frameGoAway, 0, 0, append(u32(1), u32(0)...)))
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
	f.Fuzz(func(t *testing.T, says []byte) {
		c := hostile(t, says)
		if c == nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		res, err := c.Do(ctx, &Request{Method: "POST", Authority: "a", Path: "/", Body: make([]byte, 100)})
		if ctx.Err() != nil {
			t.Fatalf("the request did not end: %v", err)
		}
		if (err == nil) != (res != nil) || res != nil && (res.Status < 200 || len(res.Body) > bodyWindow) {
			t.Errorf("got %+v, %v", res, err)
		}
	})
}
