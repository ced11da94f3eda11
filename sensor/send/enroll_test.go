package send_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"picket.internal/envelope"
	"picket.internal/sensor/send"
	"picket.internal/wire"
	"picket.internal/wire/httpwire"
)

var testMachine = send.Machine{
	ID: strings.Repeat("ab", 32), Name: "web1", OS: "linux", Kernel: "6.1.0", Architecture: "amd64",
}

// enroll takes in whoever signs with the key of the connection; with a fault it
// does so and hangs up, or refuses.
func (h *testHub) enroll(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	f := none
	if h.fault != nil {
		f = h.fault(h.requests)
	}
	h.requests++
	h.bodies = append(h.bodies, body)
	if f == status403 {
		httpwire.WriteProblem(w, http.StatusForbidden, wire.Problem{ID: "enrol.token_used", Detail: "ask for another"})
		return
	}
	peer, err := wire.PeerKey(*r.TLS)
	if err != nil {
		h.t.Error(err)
		return
	}
	req, err := wire.OpenEnroll(body, peer)
	if err != nil {
		h.t.Errorf("the hub got an enrollment that it cannot read: %v", err)
		return
	}
	h.hostKey = peer
	h.enrolled = append(h.enrolled, *req)
	if f == storeHangUp {
		panic(http.ErrAbortHandler)
	}
	state := wire.StateEnrolled
	if f == slow {
		state = wire.StatePending
	}
	reply, err := (&wire.EnrollReply{Host: h.host, Hub: h.id, HubKey: h.online.Public(), Pins: []wire.Pin{h.pin()}, State: state}).Encode()
	if err != nil {
		h.t.Error(err)
		return
	}
	w.Write(reply)
}

func (h *testHub) token() *wire.Token {
	return &wire.Token{Address: h.addr, Hub: h.id, ID: wire.NewTokenID(), Secret: wire.NewSecret(), Pins: []wire.Pin{h.pin()}}
}

// stateDir is an empty folder that only its owner may use.
func stateDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// enrollIn opens the folder as picket-sensor enroll does.
func enrollIn(t *testing.T, dir string, token *wire.Token) (*send.Identity, string, error) {
	t.Helper()
	state, err := send.CreateState(dir)
	if err != nil {
		return nil, "", err
	}
	defer state.Close()
	return state.Enroll(t.Context(), token, testMachine, "v1")
}

func TestEnroll(t *testing.T) {
	hub, _ := newTestHub(t)
	hub.start()
	token := hub.token()
	dir := filepath.Join(t.TempDir(), "deep", "state")
	id, state, err := enrollIn(t, dir, token)
	if err != nil {
		t.Fatal(err)
	}
	if state != wire.StateEnrolled || id.Host != hub.host || id.HubKey != hub.online.Public() {
		t.Errorf("enrolled as %+v, %s", id, state)
	}
	req := hub.enrolled[0]
	if req.Token != token.ID || req.Secret != token.Secret || req.Machine != testMachine.ID || req.Name != "web1" || req.Version != "v1" {
		t.Errorf("the hub was told %+v", req)
	}
	for name, want := range map[string]fs.FileMode{"": 0o700, "host.key": 0o600, "identity.json": 0o600, "lock": 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%q has mode %04o, want %04o", name, got, want)
		}
	}
	loaded := loadIdentity(t, dir)
	if diff := cmp.Diff(fmt.Sprintf("%+v", id), fmt.Sprintf("%+v", loaded)); diff != "" || loaded.Key.Public() != hub.hostKey {
		t.Errorf("the identity changed on disk (-enrolled +loaded):\n%s", diff)
	}

	// And it serves.
	s := run(t, loaded, nil)
	s.queue.Emit(canary("one"))
	hub.await("the canary", hub.has("one"))
}

func loadIdentity(t *testing.T, dir string) *send.Identity {
	t.Helper()
	state, err := send.OpenState(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer state.Close()
	id, err := state.Identity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestEnrollPending(t *testing.T) {
	hub, _ := newTestHub(t)
	hub.first(slow)
	hub.start()
	_, state, err := enrollIn(t, stateDir(t), hub.token())
	if err != nil || state != wire.StatePending {
		t.Errorf("got %q, %v, want pending", state, err)
	}
}

// TestEnrollTwiceIsRefused: an identity is never overwritten, and no token is
// spent on the attempt.
func TestEnrollTwiceIsRefused(t *testing.T) {
	hub, _ := newTestHub(t)
	hub.start()
	dir := stateDir(t)
	if _, _, err := enrollIn(t, dir, hub.token()); err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, dir)
	_, _, err := enrollIn(t, dir, hub.token())
	if !errors.Is(err, send.ErrAlreadyEnrolled) || !strings.Contains(err.Error(), "to start over") {
		t.Errorf("got %v, want %v with how to start over", err, send.ErrAlreadyEnrolled)
	}
	if diff := cmp.Diff(before, snapshot(t, dir)); diff != "" || hub.requests != 1 {
		t.Errorf("the refusal had effects: %d requests, files (-before +after):\n%s", hub.requests, diff)
	}
}

func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := make(map[string]string)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = string(data)
	}
	return files
}

// TestEnrollAfterACrash: whatever step an enrollment was cut off at, it can be
// run again, and the key that the hub may know already is kept.
func TestEnrollAfterACrash(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(t *testing.T, hub *testHub, dir string) (key envelope.PublicKey)
	}{
		{"before anything", func(*testing.T, *testHub, string) envelope.PublicKey { return envelope.PublicKey{} }},
		{"with an empty key file", func(t *testing.T, _ *testHub, dir string) envelope.PublicKey {
			write(t, filepath.Join(dir, "host.key"), "", 0o600)
			return envelope.PublicKey{}
		}},
		{"with half a key", func(t *testing.T, _ *testHub, dir string) envelope.PublicKey {
			write(t, filepath.Join(dir, "host.key"), string(mustKey(t).MarshalPEM()[:40]), 0o600)
			return envelope.PublicKey{}
		}},
		{"with a key", func(t *testing.T, _ *testHub, dir string) envelope.PublicKey {
			key := mustKey(t)
			write(t, filepath.Join(dir, "host.key"), string(key.MarshalPEM()), 0o600)
			return key.Public()
		}},
		{"after the hub has taken the host", func(t *testing.T, hub *testHub, dir string) envelope.PublicKey {
			hub.first(storeHangUp)
			if _, _, err := enrollIn(t, dir, hub.token()); err == nil {
				t.Fatal("an enrollment without an answer succeeded")
			}
			return hub.hostKey
		}},
		{"while the identity was written", func(t *testing.T, _ *testHub, dir string) envelope.PublicKey {
			key := mustKey(t)
			write(t, filepath.Join(dir, "host.key"), string(key.MarshalPEM()), 0o600)
			write(t, filepath.Join(dir, "identity.json.new"), `{"v":1,"ho`, 0o600)
			return key.Public()
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			hub, _ := newTestHub(t)
			hub.start()
			dir := stateDir(t)
			want := tt.prepare(t, hub, dir)
			id, _, err := enrollIn(t, dir, hub.token())
			if err != nil {
				t.Fatal(err)
			}
			if !want.IsZero() && id.Key.Public() != want {
				t.Error("the key of the first attempt was not kept")
			}
			if loaded := loadIdentity(t, dir); loaded.Key.Public() != hub.hostKey {
				t.Error("the key on disk is not the one that the hub knows")
			}
		})
	}
}

func write(t *testing.T, path, text string, mode fs.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	chmod(t, path, mode)
}

func chmod(t *testing.T, path string, mode fs.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func TestEnrollTellsTheHubsRefusal(t *testing.T) {
	hub, _ := newTestHub(t)
	hub.first(status403)
	hub.start()
	dir := stateDir(t)
	_, _, err := enrollIn(t, dir, hub.token())
	if wire.ErrorID(err) != "enrol.token_used" || !strings.Contains(err.Error(), "ask for another") {
		t.Errorf("got %v, want the hub's own words", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "identity.json")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an identity was stored: %v", err)
	}
}

func TestEnrollRefusesAnotherHub(t *testing.T) {
	hub, _ := newTestHub(t)
	hub.start()
	token := hub.token()
	token.Hub = wire.NewHubID()
	dir := stateDir(t)
	_, _, err := enrollIn(t, dir, token)
	if err == nil || !strings.Contains(err.Error(), hub.id) {
		t.Errorf("got %v, want a refusal of hub %s", err, hub.id)
	}
	if _, err := os.Stat(filepath.Join(dir, "identity.json")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an identity was stored: %v", err)
	}
}

// TestThreat_T3_TokenIsNotSentToAnotherKey: a server that is not the one the
// token pins gets a handshake and nothing more.
func TestThreat_T3_TokenIsNotSentToAnotherKey(t *testing.T) {
	hub, _ := newTestHub(t)
	hub.start()
	token := hub.token()
	other, _ := newTestHub(t)
	other.start()
	token.Address = other.addr
	dir := stateDir(t)
	_, _, err := enrollIn(t, dir, token)
	if !errors.Is(err, wire.ErrPinMismatch) {
		t.Errorf("got %v, want %v", err, wire.ErrPinMismatch)
	}
	if other.requests != 0 || len(other.bodies) != 0 {
		t.Errorf("the server got %d requests", other.requests)
	}
	if _, err := os.Stat(filepath.Join(dir, "identity.json")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an identity was stored: %v", err)
	}
}

// TestThreat_T2_TokenIsInNoError: whatever goes wrong, no message carries what
// was read as a token.
func TestThreat_T2_TokenIsInNoError(t *testing.T) {
	hub, _ := newTestHub(t) // which is down
	token := hub.token()
	text := token.String()
	for name, in := range map[string]string{
		"cut off": text[:len(text)-3], "two": text + " " + text, "another prefix": "pka1." + text[5:],
		"quoted": `"` + text + `"`, "too long": strings.Repeat(text, 50), "nothing": " \n",
	} {
		_, err := send.ReadToken("", strings.NewReader(in))
		if err == nil {
			t.Errorf("%s: accepted", name)
		} else if strings.Contains(err.Error(), text[5:40]) || strings.Contains(err.Error(), token.Secret) {
			t.Errorf("%s: the error tells the token: %v", name, err)
		}
	}
	read, err := send.ReadToken("", strings.NewReader("  "+text+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = enrollIn(t, stateDir(t), read)
	if err == nil || strings.Contains(err.Error(), token.Secret) || strings.Contains(err.Error(), text[5:40]) {
		t.Errorf("without a hub: %v", err)
	}
}

func TestReadTokenFromFile(t *testing.T) {
	hub, _ := newTestHub(t)
	want := hub.token()
	path := filepath.Join(t.TempDir(), "token")
	write(t, path, want.String()+"\n", 0o600)
	got, err := send.ReadToken(path, strings.NewReader("not this"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("token (-want +got):\n%s", diff)
	}
	if _, err := send.ReadToken(path+".missing", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want %v", err, fs.ErrNotExist)
	}
}

func TestEnrollEndsWithItsContext(t *testing.T) {
	hub, _ := newTestHub(t)
	state, err := send.CreateState(stateDir(t))
	if err != nil {
		t.Fatal(err)
	}
	defer state.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := state.Enroll(ctx, hub.token(), testMachine, "v1"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}
