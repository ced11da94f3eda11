package h2_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"picket.internal/envelope"
	"picket.internal/sensor/send/h2"
	"picket.internal/wire"
)

// serve is the HTTP/2 server of the standard library, over pinned TLS.
func serve(t *testing.T, handler http.HandlerFunc, change func(*http.Server)) (dial func(h2.Config) *h2.Conn) {
	t.Helper()
	key, err := envelope.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	pin, err := wire.PinOf(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: handler, TLSConfig: wire.ServerConfig(key), ErrorLog: log.New(io.Discard, "", 0)}
	if change != nil {
		change(srv)
	}
	go srv.ServeTLS(ln, "", "")
	t.Cleanup(func() { srv.Close() })
	return func(cfg h2.Config) *h2.Conn {
		t.Helper()
		config := wire.ClientConfig([]wire.Pin{pin}, envelope.PrivateKey{})
		config.NextProtos = []string{"h2"}
		nc, err := tls.Dial("tcp", ln.Addr().String(), config)
		if err != nil {
			t.Fatal(err)
		}
		c, err := h2.New(nc, cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
}

// echo answers with what it was asked.
func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	w.Header().Set("X-Asked", fmt.Sprintf("%s %s %s %s %s", r.Proto, r.Method, r.Host, r.URL.Path, r.Header.Get("X-Me")))
	w.Header().Set("Retry-After", "17")
	w.WriteHeader(http.StatusAccepted)
	w.Write(body)
}

func post(path string, body []byte) *h2.Request {
	return &h2.Request{
		Method: "POST", Authority: "hub.example:7443", Path: path, Body: body,
		Header: []h2.Field{{Name: "x-me", Value: "sensor"}},
	}
}

func TestDo(t *testing.T) {
	c := serve(t, echo, nil)(h2.Config{})
	for _, size := range []int{0, 1, 16 << 10, 16<<10 + 1, 300 << 10} {
		body := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
		req := post("/some/where", body)
		req.Header[0].Value = "sensor"
		res, err := c.Do(t.Context(), req)
		if err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		if res.Status != http.StatusAccepted || !bytes.Equal(res.Body, body) {
			t.Errorf("%d bytes: got status %d and %d bytes", size, res.Status, len(res.Body))
		}
		if got, want := res.Get("x-asked"), "HTTP/2.0 POST hub.example:7443 /some/where sensor"; got != want {
			t.Errorf("the server saw %q, want %q", got, want)
		}
		if res.Get("retry-after") != "17" || res.Get("nothing") != "" {
			t.Errorf("the header is %v", res.Header)
		}
	}
	if !c.Usable() {
		t.Error("the connection is not usable after good answers")
	}
}

// TestDoAtOnce: many requests at a time do not mix, and more data than the
// connection's window gets through.
func TestDoAtOnce(t *testing.T) {
	c := serve(t, echo, func(s *http.Server) {
		s.HTTP2 = &http.HTTP2Config{MaxReceiveBufferPerConnection: 64 << 10, MaxReceiveBufferPerStream: 64 << 10}
	})(h2.Config{})
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			body := bytes.Repeat([]byte{byte('a' + i)}, 100_000+i)
			res, err := c.Do(t.Context(), post("/", body))
			if err != nil || !bytes.Equal(res.Body, body) {
				t.Errorf("request %d: %v", i, err)
			}
		})
	}
	wg.Wait()
}

func TestDoManyTimes(t *testing.T) {
	c := serve(t, echo, nil)(h2.Config{})
	body := bytes.Repeat([]byte("x"), 40_000) // 3,000 times this passes the connection's first window many times over
	for range 300 {
		if res, err := c.Do(t.Context(), post("/", body)); err != nil || len(res.Body) != len(body) {
			t.Fatal(err)
		}
	}
}

func TestDoBoundsTheAnswer(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/large" {
			w.Write(make([]byte, 300<<10))
		}
	}, nil)(h2.Config{MaxBody: 100 << 10})
	if _, err := c.Do(t.Context(), post("/large", nil)); err == nil || !strings.Contains(err.Error(), "larger than 102400 bytes") {
		t.Errorf("got %v, want a refusal of the size", err)
	}
	if _, err := c.Do(t.Context(), post("/small", nil)); err != nil {
		t.Errorf("after a large answer: %v", err)
	}
}

// TestDoHearsAnEarlyAnswer: a server that refuses before it has read the body
// is understood.
func TestDoHearsAnEarlyAnswer(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	}, func(s *http.Server) {
		s.HTTP2 = &http.HTTP2Config{MaxReceiveBufferPerConnection: 64 << 10, MaxReceiveBufferPerStream: 64 << 10}
	})(h2.Config{})
	for range 3 {
		res, err := c.Do(t.Context(), post("/", make([]byte, 1<<20)))
		if err != nil || res.Status != http.StatusRequestEntityTooLarge {
			t.Fatalf("got %v, %v", res, err)
		}
	}
}

func TestDoEndsWithItsContext(t *testing.T) {
	started := make(chan struct{}, 1)
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			started <- struct{}{}
			<-r.Context().Done() // which the reset that Do sends brings about
		}
	}, nil)(h2.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-started; cancel() }()
	if _, err := c.Do(ctx, post("/slow", nil)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if _, err := c.Do(ctx, post("/fast", nil)); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
	if _, err := c.Do(t.Context(), post("/fast", nil)); err != nil {
		t.Errorf("the next request: %v", err)
	}
}

func TestDoAfterTheServerHasGone(t *testing.T) {
	var srv *http.Server
	c := serve(t, echo, func(s *http.Server) { srv = s })(h2.Config{})
	if _, err := c.Do(t.Context(), post("/", nil)); err != nil {
		t.Fatal(err)
	}
	if err := srv.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Do(t.Context(), post("/", nil)); err == nil {
		t.Error("a request succeeded after the server had shut down")
	}
	if c.Usable() {
		t.Error("the connection is still usable")
	}
}

func TestDoWhenTheServerAborts(t *testing.T) {
	c := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, nil)(h2.Config{})
	if _, err := c.Do(t.Context(), post("/", nil)); err == nil {
		t.Error("an answer that was cut off is no error")
	}
	if !c.Usable() {
		t.Error("one request that failed took the connection with it")
	}
}

func TestClose(t *testing.T) {
	c := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, nil)(h2.Config{})
	done := make(chan error)
	go func() {
		_, err := c.Do(t.Context(), post("/", nil))
		done <- err
	}()
	c.Close()
	if err := <-done; !errors.Is(err, h2.ErrClosed) {
		t.Errorf("a request under way got %v, want %v", err, h2.ErrClosed)
	}
	if _, err := c.Do(t.Context(), post("/", nil)); !errors.Is(err, h2.ErrClosed) {
		t.Errorf("a request after it got %v, want %v", err, h2.ErrClosed)
	}
}

// TestADeadPeerShows: a connection over which nothing comes any more is given
// up, though no request is under way.
func TestADeadPeerShows(t *testing.T) {
	ours, theirs := net.Pipe()
	go io.Copy(io.Discard, theirs) // it takes all and says nothing
	start := time.Now()
	c, err := h2.New(ours, h2.Config{PingAfter: 20 * time.Millisecond, Timeout: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Do(t.Context(), post("/", nil)); err == nil {
		t.Error("a dead peer answered")
	}
	if c.Usable() {
		t.Error("the connection is still usable")
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
}

// TestAQuietPeerLives: pings keep a connection that nothing is asked of.
func TestAQuietPeerLives(t *testing.T) {
	c := serve(t, echo, nil)(h2.Config{PingAfter: 5 * time.Millisecond})
	timer := time.NewTimer(200 * time.Millisecond) // some forty pings
	<-timer.C
	if _, err := c.Do(t.Context(), post("/", nil)); err != nil {
		t.Error(err)
	}
}

// TestAPeerThatTakesNothing: a write that hangs ends.
func TestAPeerThatTakesNothing(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	if _, err := h2.New(ours, h2.Config{Timeout: 20 * time.Millisecond}); err == nil {
		t.Error("a peer that reads nothing is no error")
	}
}
