package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"picket.internal/api"
	"picket.internal/client"
	"picket.internal/envelope"
	"picket.internal/wire"
	"picket.internal/wire/httpwire"
)

// serve runs a hub of one handler and returns a token for it.
func serve(t *testing.T, handler http.HandlerFunc) *wire.AccessToken {
	t.Helper()
	key, err := envelope.GenerateKey()
	must(t, err)
	server := httptest.NewUnstartedServer(handler)
	server.TLS, server.EnableHTTP2 = wire.ServerConfig(key), true
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	pin, err := wire.PinOf(key.Public())
	must(t, err)
	return token(strings.TrimPrefix(server.URL, "https://"), pin)
}

func token(address string, pin wire.Pin) *wire.AccessToken {
	return &wire.AccessToken{Address: address, ID: wire.NewTokenID(), Pins: []wire.Pin{pin}, Secret: wire.NewSecret()}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newClient(t *testing.T, o client.Options) *client.Client {
	t.Helper()
	c, err := client.New(o)
	must(t, err)
	t.Cleanup(c.Close)
	return c
}

func problem(status int, id string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		httpwire.WriteProblem(w, status, wire.Problem{ID: id, Detail: "in words"})
	}
}

func answer(media, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", media)
		io.WriteString(w, body)
	}
}

// Whatever goes wrong, the error says what failed, on what, and what to do.
func TestErrorsSayWhatToDo(t *testing.T) {
	cut := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", api.TypeStream)
		io.WriteString(w, "\n")
		panic(http.ErrAbortHandler)
	}
	for _, tc := range []struct {
		name    string
		handler http.HandlerFunc
		is      error
		words   string
		fix     string
	}{
		{"wrong token", problem(401, "auth.refused"), api.ErrUnauthorized, "the hub does not accept the access token", "--dir DIR"},
		{"role", problem(403, "auth.forbidden"), api.ErrForbidden, "may not do this", "higher role"},
		{"busy", problem(503, "store.full"), api.ErrUnavailable, "store.full: in words", "try again"},
		{"failed", problem(500, "hub.internal"), api.ErrUnavailable, "hub.internal", "the hub's log"},
		{"not a hub", answer("text/html", "<html>"), nil, `type "text/html"`, ""},
		{"not JSON", answer(api.TypeStream, "nonsense\n"), nil, "malformed answer", ""},
		{"two names alike", answer(api.TypeStream, `{"id":"a","id":"b"}`+"\n"), nil, "json.duplicate_key", ""},
		{"a line without end", answer(api.TypeStream, strings.Repeat(" ", 17<<20)), nil, "a line of more than", ""},
		{"redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://evil.test/", http.StatusFound)
		},
			wire.ErrRedirectRefused, "net.redirect_refused", "--hub URL"},
		{"cut off", cut, nil, "stream error", ""},
	} {
		tok := serve(t, tc.handler)
		checkError(t, tc.name, firstError(newClient(t, client.Options{Token: tok})), tok.Address, tc.is, tc.words, tc.fix)
	}
}

func firstError(c *client.Client) error {
	for _, err := range c.Alerts(context.Background(), api.AlertQuery{}) {
		if err != nil {
			return err
		}
	}
	return nil
}

func checkError(t *testing.T, name string, err error, on string, is error, words, fix string) {
	t.Helper()
	var e *client.Error
	switch {
	case !errors.As(err, &e):
		t.Errorf("%s: %v is no *client.Error", name, err)
	case is != nil && !errors.Is(err, is):
		t.Errorf("%s: %v is not %v", name, err, is)
	case e.On != on || !strings.HasPrefix(err.Error(), "listing alerts ("+on+"): ") || !strings.Contains(err.Error(), words):
		t.Errorf("%s: %v, want words %q on %s", name, err, words, on)
	case !strings.Contains(e.Advice(), fix):
		t.Errorf("%s: advice %q, want %q in it", name, e.Advice(), fix)
	}
}

func TestHubNotRunning(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	address := l.Addr().String()
	l.Close()
	c := newClient(t, client.Options{Token: token(address, wire.Pin{})})
	checkError(t, "not running", firstError(c), address, nil, "no hub is running there", "make up")
	for _, err := range c.FollowAlerts(t.Context(), api.AlertQuery{}) {
		if err == nil || !strings.Contains(err.Error(), "following alerts") {
			t.Errorf("follow: %v", err)
		}
	}
}

// The token is a password: a server that has not proved the pinned key must
// never see it.
func TestThreat_T3_TokenIsNotShownToAnotherServer(t *testing.T) {
	var asked atomic.Int64
	tok := serve(t, func(http.ResponseWriter, *http.Request) { asked.Add(1) })
	tok.Pins = []wire.Pin{{1}}
	err := firstError(newClient(t, client.Options{Token: tok}))
	checkError(t, "pin", err, tok.Address, wire.ErrPinMismatch, "tls.pin_mismatch", "find out who answers")
	if asked.Load() != 0 {
		t.Error("the server got a request")
	}
	if strings.Contains(err.Error(), tok.Secret) {
		t.Error("the error quotes the secret")
	}
}

// A proxy named in the environment is not asked.
func TestThreat_T9_ProxyOfTheEnvironment(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	tok := serve(t, answer(api.TypeStream, ""))
	if err := firstError(newClient(t, client.Options{Token: tok})); err != nil {
		t.Error(err)
	}
}

func TestHubURL(t *testing.T) {
	tok := serve(t, answer(api.TypeStream, ""))
	real := tok.Address
	tok.Address = "127.0.0.1:1"
	for _, good := range []string{real, "https://" + real, "https://" + real + "/"} {
		c := newClient(t, client.Options{Token: tok, HubURL: good})
		if err := firstError(c); err != nil || c.Hub() != "https://"+real {
			t.Errorf("%s: %s, %v", good, c.Hub(), err)
		}
	}
	for _, bad := range []string{"http://" + real, "https://", "https://a@" + real, "https://" + real + "/x", "https://" + real + "?x", "ftp://x", ":::"} {
		if _, err := client.New(client.Options{Token: tok, HubURL: bad}); err == nil || !strings.Contains(err.Error(), "malformed hub URL") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestProfile(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PICKET_DIR", dir)
	tok := serve(t, answer(api.TypeStream, ""))
	must(t, (&client.Profile{Token: tok}).Save(dir))
	must(t, (&client.Profile{Token: tok}).Save(dir)) // over the old one
	path := filepath.Join(dir, "profile.json")
	info, err := os.Stat(path)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
	if err := firstError(newClient(t, client.Options{})); err != nil {
		t.Error(err)
	}
	for name, tc := range map[string]struct {
		spoil      func()
		words, fix string
	}{
		"readable by others": {func() { must(t, os.Chmod(path, 0o640)) }, "others may read it (mode 0640)", "run: chmod 600 " + path},
		"not JSON":           {func() { must(t, os.WriteFile(path, []byte("x"), 0o600)) }, "json.syntax", "remove it"},
		"no token":           {func() { must(t, os.WriteFile(path, []byte(`{"token":"pka1.x"}`), 0o600)) }, "token.malformed", "remove it"},
		"missing":            {func() { must(t, os.Remove(path)) }, "no such file", "picket up"},
	} {
		must(t, (&client.Profile{Token: tok}).Save(dir))
		tc.spoil()
		_, err := client.New(client.Options{Profile: dir})
		var e *client.Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), tc.words) || !strings.Contains(e.Advice(), tc.fix) {
			t.Errorf("%s: %v, advice %q", name, err, e.Advice())
		}
	}
}

func TestDefaultDir(t *testing.T) {
	t.Setenv("HOME", "/home/alice")
	for _, tc := range []struct{ picket, xdg, want string }{
		{"/srv/p", "/x", "/srv/p"},
		{"", "/x", "/x/picket"},
		{"", "relative", "/home/alice/.local/state/picket"},
		{"", "", "/home/alice/.local/state/picket"},
	} {
		t.Setenv("PICKET_DIR", tc.picket)
		t.Setenv("XDG_STATE_HOME", tc.xdg)
		if got := client.DefaultDir(); got != tc.want {
			t.Errorf("%+v: %s", tc, got)
		}
	}
}

// transport is a network whose streams say one thing and then nothing more.
type transport struct{ requests []string }

func (tr *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	tr.requests = append(tr.requests, r.URL.Query().Get("after"))
	if len(tr.requests) == 4 {
		return nil, fmt.Errorf("dialing: %w", wire.ErrPinMismatch)
	}
	body := fmt.Sprintf(`{"event":"keepalive","cursor":"c%d"}`+"\n", len(tr.requests))
	reader, writer := io.Pipe()
	go func() {
		io.WriteString(writer, body)
		<-r.Context().Done()
		writer.CloseWithError(r.Context().Err())
	}()
	header := http.Header{"Content-Type": {api.TypeStream}}
	return &http.Response{StatusCode: 200, Header: header, Body: reader, Request: r}, nil
}

// A stream that falls silent is dead, though no packet says so.
func TestFollowLeavesASilentStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := new(transport)
		var causes []string
		c := newClient(t, client.Options{Token: token("127.0.0.1:1", wire.Pin{}), Reconnecting: func(err error, after time.Duration) {
			causes = append(causes, err.Error())
			if after > 10*time.Second {
				t.Errorf("waits %v", after)
			}
		}})
		c.SetTransport(network)
		start := time.Now()
		var last error
		for _, err := range c.FollowAlerts(t.Context(), api.AlertQuery{}) {
			last = err
		}
		if !errors.Is(last, wire.ErrPinMismatch) {
			t.Errorf("ended with %v", last)
		}
		if got := strings.Join(network.requests, ","); got != ",c1,c2,c3" {
			t.Errorf("asked after %q", got)
		}
		if len(causes) != 3 || !strings.Contains(causes[0], "fell silent") {
			t.Errorf("causes: %q", causes)
		}
		if took := time.Since(start); took < 3*45*time.Second || took > 4*45*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestFollowEndsWithItsContext(t *testing.T) {
	tok := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", api.TypeStream)
		io.WriteString(w, `{"event":"keepalive","cursor":"x"}`+"\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	for a, err := range newClient(t, client.Options{Token: tok}).FollowFacts(ctx, api.FactQuery{}) {
		t.Errorf("yielded %v, %v", a, err)
	}
	for _, err := range newClient(t, client.Options{Token: tok}).FollowFacts(t.Context(), api.FactQuery{After: strings.Repeat("x", 999)}) {
		if !errors.Is(err, api.ErrMalformed) {
			t.Errorf("a query over its bounds: %v", err)
		}
	}
}
