package hub_test

import (
	"bytes"
	"compress/flate"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"picket.internal/hub"
	"picket.internal/hub/hubtest"
	"picket.internal/wire"
)

var gzipped = http.Header{"Content-Encoding": {"gzip"}}

// bomb is a gzip body that unpacks to n MiB of zeros and claims another length.
func bomb(t *testing.T, n int, claim uint32) []byte {
	t.Helper()
	var block bytes.Buffer
	w, err := flate.NewWriter(&block, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	body := []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255}
	body = append(body, bytes.Repeat(block.Bytes(), n)...)
	body = append(body, 0x03, 0x00, 0, 0, 0, 0)
	return binary.LittleEndian.AppendUint32(body, claim)
}

func rss(t *testing.T) int64 {
	t.Helper()
	runtime.GC()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	var size, resident int64
	if _, err := fmt.Sscan(string(text), &size, &resident); err != nil {
		t.Fatal(err)
	}
	return resident * int64(os.Getpagesize())
}

func TestThreat_T7_BombDoesNotUnpack(t *testing.T) {
	h := hubtest.New(t, nil)
	host := h.Enroll()
	bombs := map[string][]byte{
		"honest about its length": bomb(t, 900, 900<<20),
		"claims what is allowed":  bomb(t, 900, 8<<20),
		"claims nothing":          bomb(t, 900, 0), // as 4 GiB do
		"too long on the wire":    bytes.Repeat([]byte{0}, 10<<20),
	}
	for name, body := range bombs {
		if name != "too long on the wire" && len(body) > 1<<20 {
			t.Fatalf("the bomb is %d bytes on the wire; it must pass the first bound", len(body))
		}
		if status, _, err := host.Post(wire.PathBatch, body, gzipped); status != http.StatusRequestEntityTooLarge || problem(err) != "batch.too_large" {
			t.Errorf("%s: %d %v, want 413 batch.too_large", name, status, err)
		}
	}
	before := rss(t)
	for range 10 {
		for _, body := range bombs {
			host.Post(wire.PathBatch, body, gzipped)
		}
	}
	if grown := rss(t) - before; grown > memoryFactor*32<<20 {
		t.Errorf("memory grew by %d MiB", grown>>20)
	}
	host.MustSend(host.Metric())
}

func TestThreat_T7_NobodyUnpacksForAStranger(t *testing.T) {
	h := hubtest.New(t, nil)
	stranger := h.Stranger()
	if status, _, err := stranger.Post(wire.PathBatch, bomb(t, 100, 100<<20), gzipped); status != http.StatusUnauthorized || problem(err) != "host.unknown" {
		t.Errorf("%d %v, want 401 host.unknown before the body is looked at", status, err)
	}
	if c := h.Counters(); c["batch.too_large"] != 0 || c["host.unknown"] != 1 {
		t.Errorf("counters %v", c)
	}
}

// trickle gives one byte at a time.
type trickle struct{ every time.Duration }

func (s trickle) Read(p []byte) (int, error) {
	time.Sleep(s.every) // the client is slow: that is the test
	p[0] = '{'
	return 1, nil
}

func TestThreat_T7_SlowClientIsCutOff(t *testing.T) {
	h := hubtest.New(t, func(c *hub.Config) {
		c.Limits.Batch.BodyTimeout = 200 * time.Millisecond
		c.Limits.HeaderTimeout = 200 * time.Millisecond
	})
	host := h.Enroll()
	began := time.Now()
	if _, _, err := host.PostFrom(wire.PathBatch, trickle{20 * time.Millisecond}, nil); err == nil || problem(err) != "batch.too_slow" {
		t.Errorf("a body of 50 bytes a second: %v, want batch.too_slow", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("cut off after %s", took)
	}
	silent, err := net.Dial("tcp", h.Address()) // no handshake
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	header, err := tls.Dial("tcp", h.Address(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer header.Close()
	fmt.Fprint(header, "POST /v1/batch HTTP/1.1\r\nHost: x\r\nX-Slow: ") // no end
	for name, conn := range map[string]net.Conn{"a handshake": silent, "a header": header} {
		conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the hub still waits for %s", name)
		}
	}
	host.Restart()
	host.MustSend(host.Metric())
}

func TestThreat_T7_HeaderBound(t *testing.T) {
	h := hubtest.New(t, nil)
	conn, err := tls.Dial("tcp", h.Address(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprintf(conn, "POST /v1/batch HTTP/1.1\r\nHost: x\r\nX-Long: %s\r\n\r\n", strings.Repeat("a", 32<<10))
	answer, err := io.ReadAll(conn)
	if err != nil && len(answer) == 0 {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(answer), "HTTP/1.1 431 ") {
		t.Errorf("answer is %.60q, want 431", answer)
	}
}

// frame writes one HTTP/2 frame.
func frame(kind, flags byte, stream uint32, payload []byte) []byte {
	b := []byte{byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload)), kind, flags}
	return append(binary.BigEndian.AppendUint32(b, stream), payload...)
}

func TestThreat_T7_StreamBound(t *testing.T) {
	h := hubtest.New(t, func(c *hub.Config) { c.Limits.Batch.PerHost = 100 })
	host := h.Enroll()
	config := wire.ClientConfig(h.Pins(), host.Key)
	config.NextProtos = []string{"h2"}
	conn, err := tls.Dial("tcp", h.Address(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	// :method POST, :scheme https, :path, :authority and content-type in HPACK.
	header := append([]byte{0x83, 0x87, 0x04, byte(len(wire.PathBatch))}, wire.PathBatch...)
	header = append(header, 0x01, 1, 'x', 0x0f, 0x10, byte(len(wire.ContentType)))
	header = append(header, wire.ContentType...)
	out := append([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frame(4, 0, 0, nil)...)
	out = append(out, frame(4, 1, 0, nil)...)
	const streams = 40
	for i := range uint32(streams) {
		out = append(out, frame(1, 4, 2*i+1, header)...) // HEADERS, not the end of the stream
	}
	if _, err := conn.Write(out); err != nil {
		t.Fatal(err)
	}
	refused := 0
	for refused < streams-32 {
		var head [9]byte
		if _, err := io.ReadFull(conn, head[:]); err != nil {
			t.Fatalf("%d streams refused, want %d: %v", refused, streams-32, err)
		}
		payload := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
		if _, err := io.ReadFull(conn, payload); err != nil {
			t.Fatal(err)
		}
		if head[3] == 3 { // RST_STREAM
			if id := binary.BigEndian.Uint32(head[5:]); id <= 2*32 {
				t.Errorf("stream %d, one of the first 32, was refused", id)
			}
			refused++
		}
	}
	host.MustSend(host.Metric()) // others go on
}

func TestThreat_T7_RandomBodies(t *testing.T) {
	h := hubtest.New(t, nil)
	host := h.Enroll()
	good := host.Seal(host.Batch(host.Metric()))
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range 300 {
		body := bytes.Clone(good)
		header := http.Header{}
		switch i % 3 {
		case 0:
			body[rnd.IntN(len(body))] ^= byte(1 + rnd.IntN(255))
		case 1:
			body = body[:rnd.IntN(len(body))]
		case 2:
			body, header = hubtest.Gzip(t, body), gzipped
			body[rnd.IntN(len(body))] ^= byte(1 + rnd.IntN(255))
		}
		status, _, err := host.Post(wire.PathBatch, body, header)
		if status != http.StatusOK && (status < 400 || status >= 500 || problem(err) == "") {
			t.Fatalf("body %d: %d %v", i, status, err)
		}
	}
	if _, err := host.SendSealed(good); err != nil {
		t.Errorf("the good batch: %v", err)
	}
	if c := h.Counters(); c["hub.panic"] != 0 || c["hub.internal"] != 0 {
		t.Errorf("counters %v", c)
	}
}
