package hub_test

import (
	"crypto/tls"
	"net/http"
	"strings"
	"testing"
	"time"

	"picket.internal/api"
	"picket.internal/eat"
	"picket.internal/hub"
	"picket.internal/hub/hubtest"
	"picket.internal/wire"
)

// logged counts the records of the log whose id begins so.
func logged(h *hubtest.Hub, prefix string) (n int) {
	for _, r := range hubtest.Get[api.AuditRecord](h, api.PathAuditRecords+"?limit=1000") {
		if strings.HasPrefix(r.Record, `{"id":"`+prefix) {
			n++
		}
	}
	return n
}

// as asks the hub with a token of its own, and returns the status.
func as(t *testing.T, h *hubtest.Hub, token *wire.AccessToken) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.URL(api.PathStatus), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token.String())
	// The test is about the token: whose hub it is does not matter here.
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13}}}
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// Whatever lets somebody in, keeps somebody out or changes the hub leaves just
// one record, and the log still verifies.
func TestLoginsAndChangesAreLoggedOnce(t *testing.T) {
	now := &later{}
	h := hubtest.New(t, func(c *hub.Config) { c.Now = now.now })
	host := h.Enroll()
	key := hubtest.NewKey(t)
	var made api.AccessTokenReply
	h.Post(t, api.PathAccessTokens, api.AccessTokenRequest{Name: "bob"}, &made)
	bob, err := wire.ParseAccessToken(made.Token)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		record string
		do     func()
	}{
		{"access_token.made/" + bob.ID, func() {}},
		{"login.accepted/" + bob.ID, func() {
			for range 3 {
				if status := as(t, h, bob); status != http.StatusOK {
					t.Errorf("a good token: %d", status)
				}
			}
		}},
		{"access_token.revoked/" + bob.ID, func() { h.Post(t, api.PathAccessTokens+"/"+bob.ID+"/revoke", struct{}{}, nil) }},
		{"login.refused/", func() {
			for range 5 {
				if status := as(t, h, bob); status != http.StatusUnauthorized {
					t.Errorf("a revoked token: %d", status)
				}
			}
		}},
		{"responses.paused", func() { h.Post(t, api.PathPause, api.Pause{Paused: true, Reason: "x"}, nil) }},
		{"responses.resumed", func() { h.Post(t, api.PathPause, api.Pause{}, nil) }},
		{"host.labels/" + host.ID, func() { h.Post(t, api.PathHosts+"/"+host.ID+"/set", api.HostSetting{Labels: []string{"role=db"}}, nil) }},
		{"host.wrapper_key/" + host.ID, func() {
			h.Post(t, api.PathHosts+"/"+host.ID+"/set", api.HostSetting{WrapperKey: key.Public().String()}, nil)
		}},
		{"host.disabled/" + host.ID, func() { h.SetHost(host.ID, "disable") }},
		{"operator.added/alice", func() { h.Post(t, api.PathOperators, api.Operator{Name: "alice", Key: key.Public().String()}, nil) }},
		{"operator.removed/alice", func() { h.Post(t, api.PathOperators+"/alice/remove", struct{}{}, nil) }},
		{"rule.enabled/canary.read", func() { h.Post(t, "/api/v1/rules/canary.read/enable", struct{}{}, nil) }},
		{"rules.loaded", func() {}},
		{"policies.loaded", func() {}},
		{"hub.settings", func() { h.Restart() }}, // another start with the same settings is no change
	} {
		step.do()
		if n := logged(h, step.record); n != 1 {
			t.Errorf("%s: %d records, want 1", step.record, n)
		}
	}
	// The refusals in between are counted in the next record.
	now.pass(2 * time.Minute)
	as(t, h, bob)
	for range 3 {
		as(t, h, bob)
	}
	now.pass(2 * time.Minute)
	as(t, h, bob)
	if n := logged(h, "login.refused/"); n != 3 {
		t.Errorf("%d refusals are recorded, want 3", n)
	}
	// What is not there is no failure of the store.
	for _, path := range []string{api.PathAccessTokens + "/" + bob.ID + "/revoke", api.PathOperators + "/nobody/remove"} {
		if status, answer := h.Do(http.MethodPost, path, "{}"); status != http.StatusNotFound {
			t.Errorf("%s: %d %s", path, status, answer)
		}
	}
	// The last token stays good.
	tokens := hubtest.Get[api.AccessToken](h, api.PathAccessTokens)
	if len(tokens) != 2 || !tokens[1].Revoked || tokens[1].Name != "bob" || tokens[0].Revoked {
		t.Errorf("the tokens are %+v", tokens)
	}
	if status, answer := h.Do(http.MethodPost, api.PathAccessTokens+"/"+tokens[0].ID+"/revoke", "{}"); status != http.StatusConflict {
		t.Errorf("revoking the last token: %d %s", status, answer)
	}
	for _, r := range hubtest.Get[api.AuditRecord](h, api.PathAuditRecords+"?limit=1000") {
		if e, err := eat.ParseEntry([]byte(r.Record)); err != nil || strings.HasPrefix(e.ID, "login.") != (e.Type == eat.EntryLogin) {
			t.Errorf("record %d: %+v, %v", r.Index, e, err)
		}
		if strings.Contains(string(r.Document), bob.Secret) {
			t.Errorf("record %d holds a secret", r.Index)
		}
	}
	checkHub(t, h)
}
