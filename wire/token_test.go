package wire_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"picket.internal/strictjson"
	"picket.internal/wire"
	"picket.internal/wire/httpwire"
)

func newToken(t testing.TB) *wire.Token {
	return &wire.Token{
		Address: "127.0.0.1:7443",
		Hub:     wire.NewHubID(),
		ID:      wire.NewTokenID(),
		Pins:    []wire.Pin{pinOf(t, newKey(t)), pinOf(t, newKey(t))},
		Secret:  wire.NewSecret(),
	}
}

func TestToken(t *testing.T) {
	token := newToken(t)
	got, err := wire.ParseToken("  " + token.String() + "\n") // as pasted
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(token, got); diff != "" {
		t.Error(diff)
	}
	access := &wire.AccessToken{Address: "[::1]:7443", ID: wire.NewTokenID(), Pins: token.Pins, Secret: wire.NewSecret()}
	gotAccess, err := wire.ParseAccessToken(access.String())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(access, gotAccess); diff != "" {
		t.Error(diff)
	}
	if _, err := wire.ParseToken(access.String()); !errors.Is(err, wire.ErrToken) {
		t.Errorf("an access token as an enrollment token: %v", err)
	}
	if _, err := wire.ParseAccessToken(token.String()); !errors.Is(err, wire.ErrToken) {
		t.Errorf("an enrollment token as an access token: %v", err)
	}
}

// A token that does not parse is most likely a good one with a slip: no error
// may repeat it.
func TestTokenRefused(t *testing.T) {
	token := newToken(t)
	text := token.String()
	body := strings.TrimPrefix(text, "pkt1.")
	raw, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil {
		t.Fatal(err)
	}
	encode := func(old, new string) string {
		return "pkt1." + base64.RawURLEncoding.EncodeToString(bytes.Replace(raw, []byte(old), []byte(new), 1))
	}
	for name, bad := range map[string]string{
		"empty":         "",
		"no prefix":     body,
		"cut":           text[:len(text)-4],
		"line break":    text[:40] + "\n" + text[40:],
		"padded":        text + "=",
		"not canonical": encode(`{`, `{ `),
		"unknown":       encode(`{`, `{"a":"",`),
		"no pins":       encode(`"pins":["`+token.Pins[0].String()+`","`+token.Pins[1].String()+`"]`, `"pins":[]`),
		"short pin":     encode(token.Pins[0].String(), "AAAA"),
		"no port":       encode("127.0.0.1:7443", "127.0.0.1"),
		"no host":       encode("127.0.0.1:7443", ":7443"),
		"hub":           encode(token.Hub, "u_"),
		"id":            encode(token.ID, "1"),
		"secret":        encode(token.Secret, token.Secret[:42]),
		"huge":          "pkt1." + strings.Repeat("A", 1<<20),
	} {
		got, err := wire.ParseToken(bad)
		if !errors.Is(err, wire.ErrToken) || got != nil {
			t.Errorf("%s: %v, %v", name, got, err)
			continue
		}
		if strings.Contains(err.Error(), token.Secret[:8]) || strings.Contains(err.Error(), body[:16]) {
			t.Errorf("%s: the error repeats the token: %v", name, err)
		}
	}
}

func TestSecretsStayOutOfLogs(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&out, nil))
	token, request := newToken(t), newRequest()
	access := &wire.AccessToken{Address: "a:1", ID: wire.NewTokenID(), Pins: token.Pins, Secret: wire.NewSecret()}
	log.Info("x", "token", token, "request", request, "access", access)
	for _, secret := range []string{token.Secret, request.Secret, access.Secret} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("logged: %s", out.String())
		}
	}
	if !strings.Contains(out.String(), token.ID) {
		t.Errorf("the id is missing: %s", out.String())
	}
}

func TestIDs(t *testing.T) {
	for name, id := range map[string]string{"host": wire.NewHostID(), "hub": wire.NewHubID()} {
		if len(id) != 28 || wire.ValidHostID(id) == wire.ValidHubID(id) {
			t.Errorf("%s id %q", name, id)
		}
	}
	if a, b := wire.NewSession(), wire.NewSession(); a == b || len(a) != 32 {
		t.Errorf("sessions %q and %q", a, b)
	}
	zero := strings.Repeat("a", 26)
	if !wire.ValidHostID("h_" + zero) {
		t.Error("a valid id is refused")
	}
	for _, bad := range []string{"", "h_", "h_" + zero[:25], "h_" + zero + "a", "h_" + zero[:25] + "b", "h_" + zero[:25] + "A", "h_" + zero[:25] + "1", "h_../" + zero[:23]} {
		if wire.ValidHostID(bad) {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestProblem(t *testing.T) {
	w := httptest.NewRecorder()
	httpwire.WriteProblem(w, 409, wire.Problem{ID: "batch.fork", Detail: "seq 9\x1b[2J"})
	if w.Code != 409 || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%d, %v", w.Code, w.Header())
	}
	p, err := wire.ParseProblem(w.Body.Bytes())
	if err != nil || p.ID != "batch.fork" || p.Detail != "seq 9?[2J" {
		t.Errorf("ParseProblem = %+v, %v", p, err)
	}
	if wire.ErrorID(fmt.Errorf("sending batch: %w", p)) != "batch.fork" {
		t.Error("the peer's id is lost")
	}
	if p, err := wire.ParseProblem([]byte(`{"error":"x","detail":"a\u001b]0;b\u0007","hint":1}`)); err != nil || p.Detail != "a?]0;b?" {
		t.Errorf("ParseProblem = %+v, %v", p, err)
	}
	for _, bad := range []string{"", "<html>", "{}", `{"error":""}`, `{"error":"a\nb"}`, `{"error":"` + strings.Repeat("x", 65) + `"}`, strings.Repeat(" ", 5000)} {
		if p, err := wire.ParseProblem([]byte(bad)); !errors.Is(err, wire.ErrProblem) || p != nil {
			t.Errorf("ParseProblem(%.20q) = %v, %v", bad, p, err)
		}
	}
}

func TestErrorID(t *testing.T) {
	for want, err := range map[string]error{
		"":                 errors.New("x"),
		"json.null":        fmt.Errorf("x: %w", strictjson.ErrNull),
		"tls.pin_mismatch": fmt.Errorf("x: %w", wire.ErrPinMismatch),
	} {
		if got := wire.ErrorID(err); got != want {
			t.Errorf("ErrorID(%v) = %q", err, got)
		}
	}
}
