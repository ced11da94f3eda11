package enroll_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"picket.internal/api"
	"picket.internal/envelope"
	"picket.internal/hub/internal/enroll"
	"picket.internal/hub/internal/stats"
	"picket.internal/hub/internal/store"
	"picket.internal/wire"
)

// tokens is a store that keeps what it is given.
type tokens struct {
	kept []store.NewToken
	fail error
}

func (s *tokens) Enroll(context.Context, *wire.EnrollRequest) (store.Enrolled, error) {
	return store.Enrolled{Host: wire.NewHostID(), State: api.HostEnrolled}, s.fail
}

func (s *tokens) AddEnrollToken(_ context.Context, t store.NewToken) (time.Time, error) {
	s.kept = append(s.kept, t)
	return time.Now().Add(t.TTL), s.fail
}

func newDesk(t *testing.T, s *tokens) (*enroll.Desk, *stats.Set, *bytes.Buffer) {
	t.Helper()
	key, err := envelope.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	pin, err := wire.PinOf(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	counters := stats.New()
	return enroll.New(enroll.Config{Hub: wire.NewHubID(), Key: key.Public(), Address: "hub:1", Pins: []wire.Pin{pin}, Store: s, Stats: counters,
		Logger: slog.New(slog.NewTextHandler(&log, nil))}), counters, &log
}

func TestTokensAreBounded(t *testing.T) {
	s := &tokens{}
	d, _, _ := newDesk(t, s)
	for _, bad := range []api.EnrollTokenRequest{{TTLSeconds: 3601}, {TTLSeconds: -1}, {Uses: 1001}, {Uses: -1}} {
		if _, err := d.CreateToken(t.Context(), bad); !errors.Is(err, api.ErrMalformed) {
			t.Errorf("%+v: %v, want %v", bad, err, api.ErrMalformed)
		}
	}
	reply, err := d.CreateToken(t.Context(), api.EnrollTokenRequest{Name: "rack 7"})
	if err != nil {
		t.Fatal(err)
	}
	token, err := wire.ParseToken(reply.Token)
	if err != nil {
		t.Fatal(err)
	}
	kept := s.kept[0]
	if len(s.kept) != 1 || kept.TTL != time.Hour || kept.Uses != 1 || kept.Name != "rack 7" || kept.ID != token.ID || kept.Secret != token.Secret {
		t.Errorf("kept %+v of %+v", s.kept, token)
	}
	s.fail = api.ErrUnavailable
	if reply, err := d.CreateToken(t.Context(), api.EnrollTokenRequest{}); !errors.Is(err, api.ErrUnavailable) || reply.Token != "" {
		t.Errorf("a token that was not kept was handed out: %+v, %v", reply, err)
	}
}

func post(d *enroll.Desk, contentType string, state *tls.ConnectionState, body string) (int, string) {
	r := httptest.NewRequest(http.MethodPost, wire.PathEnroll, strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	r.TLS = state
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func TestRequestsThatAreNone(t *testing.T) {
	d, counters, _ := newDesk(t, &tokens{})
	for name, tt := range map[string]struct {
		contentType string
		state       *tls.ConnectionState
		id          string
	}{
		"another type":   {"application/json", &tls.ConnectionState{}, "enrol.malformed"},
		"no TLS":         {wire.ContentType, nil, "enrol.malformed"},
		"no certificate": {wire.ContentType, &tls.ConnectionState{HandshakeComplete: true}, "enrol.no_client_key"},
	} {
		if code, body := post(d, tt.contentType, tt.state, "{}"); code != http.StatusBadRequest || !strings.Contains(body, `"`+tt.id+`"`) {
			t.Errorf("%s: %d %s, want %s", name, code, body, tt.id)
		}
		if counters.Counters()[tt.id] == 0 {
			t.Errorf("%s is not counted", tt.id)
		}
	}
}

func TestEnrollmentsAreRateLimited(t *testing.T) {
	d, counters, log := newDesk(t, &tokens{})
	limited := 0
	for range 1000 {
		if code, body := post(d, wire.ContentType, nil, ""); code == http.StatusTooManyRequests && strings.Contains(body, "enrol.rate_limited") {
			limited++
		}
	}
	if limited < 500 || counters.Counters()["enrol.rate_limited"] != int64(limited) {
		t.Errorf("%d of 1000 were limited, %v", limited, counters.Counters())
	}
	if lines := strings.Count(log.String(), "\n"); lines > 400 {
		t.Errorf("%d lines in the log", lines)
	}
}
