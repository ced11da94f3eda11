package api_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"picket.internal/envelope"
	hubapi "picket.internal/hub/internal/api"
	"picket.internal/hub/internal/api/apitest"
	"picket.internal/wire"
	"picket.internal/wire/httpwire"
)

// hub is the API over real TLS, with a client of the plainest kind.
type hub struct {
	*apitest.Memory
	handler *hubapi.Handler
	server  *httptest.Server
	token   *wire.AccessToken
	http    *http.Client
}

func newHub(t *testing.T) *hub {
	t.Helper()
	key, err := envelope.GenerateKey()
	must(t, err)
	pin, err := wire.PinOf(key.Public())
	must(t, err)
	h := &hub{Memory: &apitest.Memory{TokenID: wire.NewTokenID(), Secret: wire.NewSecret()}}
	h.handler = hubapi.New(h, h, slog.New(slog.DiscardHandler))
	h.server = httptest.NewUnstartedServer(h.handler)
	h.server.TLS = wire.ServerConfig(key)
	h.server.EnableHTTP2 = true
	h.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	h.server.StartTLS()
	t.Cleanup(h.server.Close)
	address := strings.TrimPrefix(h.server.URL, "https://")
	h.token = &wire.AccessToken{Address: address, ID: h.TokenID, Pins: []wire.Pin{pin}, Secret: h.Secret}
	h.http = httpwire.NewClient(h.token.Pins, envelope.PrivateKey{})
	t.Cleanup(h.http.CloseIdleConnections)
	return h
}

// ask sends a request with the hub's token unless the headers say otherwise.
func (h *hub) ask(t *testing.T, method, path, body string, header http.Header) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, h.server.URL+path, strings.NewReader(body))
	must(t, err)
	req.Header.Set("Authorization", "Bearer "+h.token.String())
	for name, values := range header {
		req.Header[name] = values
	}
	resp, err := h.http.Do(req)
	must(t, err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	must(t, err)
	return resp, string(data)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAnswers(t *testing.T) {
	h := newHub(t)
	for n := range 3 {
		h.AddAlert(apitest.Alert(n, "high", ""))
		h.AddFact(apitest.Stored(apitest.CanaryFact(n, "")))
	}
	h.AddHost(apitest.Host(1, "web1", ""))
	json := http.Header{"Content-Type": {"application/json"}}
	for _, tc := range []struct {
		name, method, path, body string
		header                   http.Header
		status                   int
		media                    string
		contains                 string
	}{
		{"alerts", "GET", "/api/v1/alerts", "", nil, 200, "application/x-ndjson", `{"id":"` + apitest.AlertID(2)},
		{"no alerts", "GET", "/api/v1/alerts?severity=low", "", nil, 200, "application/x-ndjson", ""},
		{"alert", "GET", "/api/v1/alerts/" + apitest.AlertID(1), "", nil, 200, "application/json", `"latency_ms":7.25`},
		{"no such alert", "GET", "/api/v1/alerts/x", "", nil, 404, "application/json", `"error":"api.not_found"`},
		{"unknown severity", "GET", "/api/v1/alerts?severity=bad", "", nil, 400, "application/json", `malformed severity \"bad\"`},
		{"unknown parameter", "GET", "/api/v1/alerts?sort=name", "", nil, 400, "application/json", `malformed parameter \"sort\"`},
		{"parameter twice", "GET", "/api/v1/alerts?rule=a&rule=b", "", nil, 400, "application/json", `given twice`},
		{"limit over its bound", "GET", "/api/v1/alerts?limit=1001", "", nil, 400, "application/json", `want a number from 1 to 1000`},
		{"facts", "GET", "/api/v1/facts?kind=canary&limit=1", "", nil, 200, "application/x-ndjson", `{"cursor":"3"`},
		{"follow with a limit", "GET", "/api/v1/facts/follow?limit=1", "", nil, 400, "application/json", `has no end`},
		{"hosts", "GET", "/api/v1/hosts", "", nil, 200, "application/x-ndjson", `"name":"web1"`},
		{"hosts with a parameter", "GET", "/api/v1/hosts?state=x", "", nil, 400, "application/json", `query.malformed`},
		{"status", "GET", "/api/v1/status", "", nil, 200, "application/json", `"api.requests":`},
		{"inventories", "GET", "/api/v1/hosts/" + apitest.HostID(1) + "/inventories", "", nil, 200, "application/x-ndjson", `"state":"in_step"`},
		{"inventory", "GET", "/api/v1/hosts/" + apitest.HostID(1) + "/inventories/package", "", nil, 200, "application/x-ndjson", `"name":"curl"`},
		{"kinds of facts", "GET", "/api/v1/host-kinds", "", nil, 200, "application/x-ndjson", `"kind":"canary","last":"`},
		{"kinds with a parameter", "GET", "/api/v1/host-kinds?host=x", "", nil, 400, "application/json", `query.malformed`},
		{"inventory of a kind that has none", "GET", "/api/v1/hosts/" + apitest.HostID(1) + "/inventories/process", "", nil, 404, "application/json", `api.not_found`},
		{"inventories of no host", "GET", "/api/v1/hosts/h_x/inventories", "", nil, 404, "application/json", `api.not_found`},
		{"disable", "POST", "/api/v1/hosts/" + apitest.HostID(1) + "/disable", "", nil, 200, "application/json", `"state":"disabled"`},
		{"disable again", "POST", "/api/v1/hosts/" + apitest.HostID(1) + "/disable", "{}", nil, 200, "application/json", `"state":"disabled"`},
		{"filters with a parameter", "GET", "/api/v1/filters?x=1", "", nil, 400, "application/json", `query.malformed`},
		{"enable no such rule", "POST", "/api/v1/rules/no.such/enable", "", nil, 404, "application/json", `api.not_found`},
		{"approve what is disabled", "POST", "/api/v1/hosts/" + apitest.HostID(1) + "/approve", "", nil, 409, "application/json", `host.wrong_state`},
		{"enable", "POST", "/api/v1/hosts/" + apitest.HostID(1) + "/enable", "", nil, 200, "application/json", `"state":"enrolled"`},
		{"no such host", "POST", "/api/v1/hosts/h_x/disable", "", nil, 404, "application/json", `api.not_found`},
		{"body where none belongs", "POST", "/api/v1/hosts/h_x/disable", `{"a":1}`, nil, 400, "application/json", `json.unknown_field`},
		{"token", "POST", "/api/v1/enroll-tokens", `{"uses":2}`, json, 200, "application/json", `pkt1.for-3600-s-and-2-uses`},
		{"token without a type", "POST", "/api/v1/enroll-tokens", `{}`, nil, 415, "application/json", `api.media_type`},
		{"token over its bound", "POST", "/api/v1/enroll-tokens", `{"ttl_s":999999}`, json, 400, "application/json", `ttl_s`},
		{"token with two meanings", "POST", "/api/v1/enroll-tokens", `{"uses":1,"uses":9}`, json, 400, "application/json", `json.duplicate_key`},
		{"body over its bound", "POST", "/api/v1/enroll-tokens", strings.Repeat(" ", 17<<10), json, 413, "application/json", `api.too_large`},
		{"an alert's facts", "GET", "/api/v1/alerts/" + apitest.AlertID(1) + "/facts", "", nil, 200, "application/json", `"linked":0,"unlinked":0,"facts":[]}`},
		{"facts of no alert", "GET", "/api/v1/alerts/x/facts", "", nil, 404, "application/json", `api.not_found`},
		{"an alert's facts by a filter", "GET", "/api/v1/alerts/" + apitest.AlertID(1) + "/facts?kind=x", "", nil, 400, "application/json", `malformed parameter \"kind\"`},
		{"replay", "GET", "/api/v1/facts/replay?kinds=canary", "", nil, 200, "application/x-ndjson", `{"event":"begin","batches":3}` + "\n" + `{"cursor":"1","received":"2026-05-06T12:04:05.128456Z","host":"h_x"`},
		{"replay of nothing", "GET", "/api/v1/facts/replay?kinds=metric", "", nil, 200, "application/x-ndjson", `,"facts":[]}` + "\n" + `{"event":"end","batches":3}`},
		{"replay of too many kinds", "GET", "/api/v1/facts/replay?kinds=" + strings.Repeat("a,", 100) + "b", "", nil, 400, "application/json", `more than 100 kinds`},
		{"replay of an empty kind", "GET", "/api/v1/facts/replay?kinds=a,,b", "", nil, 400, "application/json", `malformed kinds`},
		{"replay backwards", "GET", "/api/v1/facts/replay?since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z", "", nil, 400, "application/json", `not after since`},
		{"replay with a limit", "GET", "/api/v1/facts/replay?limit=1", "", nil, 400, "application/json", `malformed parameter \"limit\"`},
		{"rules", "GET", "/api/v1/rules", "", nil, 200, "application/x-ndjson", ``},
		{"rules with a parameter", "GET", "/api/v1/rules/files?x=1", "", nil, 400, "application/json", `malformed parameter`},
		{"wrong method", "DELETE", "/api/v1/alerts", "", nil, 405, "application/json", `api.method`},
		{"no such path", "GET", "/api/v1/nothing", "", nil, 404, "application/json", `api.not_found`},
		{"debugging", "GET", "/debug/pprof/", "", nil, 404, "application/json", `api.not_found`},
	} {
		resp, body := h.ask(t, tc.method, tc.path, tc.body, tc.header)
		if resp.StatusCode != tc.status || resp.Header.Get("Content-Type") != tc.media || !strings.Contains(body, tc.contains) {
			t.Errorf("%s: %d %s %s\nwant %d %s with %s", tc.name, resp.StatusCode, resp.Header.Get("Content-Type"), body, tc.status, tc.media, tc.contains)
		}
		if resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: may be stored by caches", tc.name)
		}
	}
	if resp, _ := h.ask(t, "DELETE", "/api/v1/alerts", "", nil); resp.Header.Get("Allow") != "GET" {
		t.Errorf("Allow: %q", resp.Header.Get("Allow"))
	}
}

// Facts leave as the host signed them: no HTML escapes, nothing reordered.
func TestFactsAreNotRewritten(t *testing.T) {
	h := newHub(t)
	f := apitest.CanaryFact(1, "<a&b>\u2028")
	h.AddFact(apitest.Stored(f))
	if _, body := h.ask(t, "GET", "/api/v1/facts", "", nil); !strings.Contains(body, string(apitest.Raw(f))) {
		t.Errorf("%s\nlacks %s", body, apitest.Raw(f))
	}
}

// Every route of the table wants a token, whatever is wrong with the one shown.
func TestEveryRouteWantsAToken(t *testing.T) {
	h := newHub(t)
	h.AddHost(apitest.Host(1, "web1", ""))
	other := *h.token
	other.Secret = wire.NewSecret()
	stranger := *h.token
	stranger.ID = wire.NewTokenID()
	for name, header := range map[string][]string{
		"no token":       {},
		"not a bearer":   {"Basic " + h.token.String()},
		"no token in it": {"Bearer x"},
		"wrong secret":   {"Bearer " + other.String()},
		"unknown id":     {"Bearer " + stranger.String()},
		"two tokens":     {"Bearer " + h.token.String(), "Bearer " + h.token.String()},
	} {
		for _, route := range hubapi.Routes() {
			path := strings.Replace(route.Pattern, "{id}", apitest.HostID(1), 1)
			for _, method := range []string{route.Method, "PUT"} {
				resp, body := h.ask(t, method, path, "", http.Header{"Authorization": header})
				if resp.StatusCode != 401 || resp.Header.Get("WWW-Authenticate") != "Bearer" {
					t.Errorf("%s: %s %s: %d %s", name, method, path, resp.StatusCode, body)
				}
			}
		}
	}
	if states := h.States(); len(states) != 0 {
		t.Errorf("hosts were changed: %q", states)
	}
}

// A route is only served where the table lists it, with a role.
func TestThreat_H5_UnlistedRoute(t *testing.T) {
	want := map[string]hubapi.Role{
		"GET /api/v1/alerts":                         hubapi.RoleViewer,
		"GET /api/v1/alerts/{id}":                    hubapi.RoleViewer,
		"GET /api/v1/alerts/follow":                  hubapi.RoleViewer,
		"GET /api/v1/hosts":                          hubapi.RoleViewer,
		"GET /api/v1/host-kinds":                     hubapi.RoleViewer,
		"GET /api/v1/hosts/{id}/inventories":         hubapi.RoleViewer,
		"GET /api/v1/hosts/{id}/inventories/{kind}":  hubapi.RoleViewer,
		"POST /api/v1/hosts/{id}/disable":            hubapi.RoleAdmin,
		"POST /api/v1/hosts/{id}/enable":             hubapi.RoleAdmin,
		"POST /api/v1/hosts/{id}/approve":            hubapi.RoleAdmin,
		"POST /api/v1/rules/{id}/enable":             hubapi.RoleAdmin,
		"GET /api/v1/facts":                          hubapi.RoleViewer,
		"GET /api/v1/facts/follow":                   hubapi.RoleViewer,
		"GET /api/v1/alerts/{id}/facts":              hubapi.RoleViewer,
		"GET /api/v1/facts/replay":                   hubapi.RoleViewer,
		"GET /api/v1/rules":                          hubapi.RoleViewer,
		"GET /api/v1/filters":                        hubapi.RoleViewer,
		"GET /api/v1/rules/files":                    hubapi.RoleViewer,
		"POST /api/v1/enroll-tokens":                 hubapi.RoleAdmin,
		"GET /api/v1/status":                         hubapi.RoleViewer,
		"GET /api/v1/responses":                      hubapi.RoleViewer,
		"POST /api/v1/responses":                     hubapi.RoleResponder,
		"GET /api/v1/responses/{id}":                 hubapi.RoleViewer,
		"POST /api/v1/responses/{id}/prepare":        hubapi.RoleResponder,
		"POST /api/v1/responses/{id}/approve":        hubapi.RoleResponder,
		"POST /api/v1/responses/{id}/reject":         hubapi.RoleResponder,
		"POST /api/v1/responses/{id}/undo":           hubapi.RoleResponder,
		"GET /api/v1/responses/{id}/evidence":        hubapi.RoleResponder,
		"POST /api/v1/responses/{id}/evidence/again": hubapi.RoleResponder,
		"GET /api/v1/pause":                          hubapi.RoleViewer,
		"POST /api/v1/pause":                         hubapi.RoleResponder,
		"GET /api/v1/policies":                       hubapi.RoleViewer,
		"GET /api/v1/operators":                      hubapi.RoleViewer,
		"POST /api/v1/operators":                     hubapi.RoleAdmin,
		"POST /api/v1/operators/{name}/remove":       hubapi.RoleAdmin,
		"POST /api/v1/hosts/{id}/set":                hubapi.RoleAdmin,
		"POST /api/v1/hosts/{id}/attest":             hubapi.RoleResponder,
		"GET /api/v1/audit/checkpoint":               hubapi.RoleViewer,
		"GET /api/v1/audit/records":                  hubapi.RoleViewer,
		"GET /api/v1/alerts/{id}/dossier":            hubapi.RoleViewer,
		"GET /api/v1/access-tokens":                  hubapi.RoleAdmin,
		"POST /api/v1/access-tokens":                 hubapi.RoleAdmin,
		"POST /api/v1/access-tokens/{id}/revoke":     hubapi.RoleAdmin,
	}
	for _, route := range hubapi.Routes() {
		name := route.Method + " " + route.Pattern
		if want[name] != route.Role || route.Role == "" {
			t.Errorf("%s asks for the role %q, want %q: a new route belongs into this list too", name, route.Role, want[name])
		}
		delete(want, name)
	}
	if len(want) != 0 {
		t.Errorf("no longer served: %v", want)
	}
	h := newHub(t)
	for _, path := range []string{"/", "/api", "/api/v1", "/api/v1/", "/api/v2/alerts", "/debug/pprof", "/debug/vars", "/metrics", "/api/v1/alerts/x/y"} {
		if resp, body := h.ask(t, "GET", path, "", nil); resp.StatusCode != 404 {
			t.Errorf("%s: %d %s", path, resp.StatusCode, body)
		}
	}
}

func TestThreat_H3_CrossSiteRequestToTheAPI(t *testing.T) {
	h := newHub(t)
	h.AddHost(apitest.Host(1, "web1", ""))
	for _, header := range []http.Header{{"Sec-Fetch-Site": {"cross-site"}}, {"Origin": {"https://evil.test"}}} {
		resp, _ := h.ask(t, "POST", "/api/v1/hosts/"+apitest.HostID(1)+"/disable", "", header)
		if resp.StatusCode != 403 || len(h.States()) != 0 {
			t.Errorf("%v: %d, asked for %q", header, resp.StatusCode, h.States())
		}
	}
}

// What went wrong inside stays inside.
func TestInternalErrorsAreNotTold(t *testing.T) {
	h := newHub(t)
	h.Err = errors.New("near \"FROM\": syntax error in /var/lib/picket/hub.db")
	for _, route := range hubapi.Routes() {
		path := strings.Replace(route.Pattern, "{id}", apitest.HostID(1), 1)
		resp, body := h.ask(t, route.Method, path, "{}", http.Header{"Content-Type": {"application/json"}})
		if resp.StatusCode == 503 && strings.Contains(body, "api.unavailable") {
			continue // nobody responds here; the hub's own tests ask these
		}
		if strings.Contains(body, "syntax") || strings.Contains(body, "/var/lib") {
			t.Errorf("%s tells %s", path, body)
		}
		if resp.StatusCode != 500 && resp.StatusCode != 404 {
			t.Errorf("%s: %d %s", path, resp.StatusCode, body)
		}
	}
	if n := h.handler.Counters()["hub.internal"]; n < 5 {
		t.Errorf("%d internal errors were counted", n)
	}
	h.Err = context.DeadlineExceeded
	if resp, body := h.ask(t, "GET", "/api/v1/alerts", "", nil); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("too slow: %d %s", resp.StatusCode, body)
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	h := newHub(t)
	_, err := tls.Dial("tcp", h.token.Address, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12})
	if err == nil {
		t.Error("TLS 1.2 was accepted")
	}
}
