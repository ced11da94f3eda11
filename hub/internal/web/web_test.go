package web_test

import (
	"bytes"
	"flag"
	"fmt"
	"html"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	types "picket.internal/api"
	"picket.internal/fact"
	"picket.internal/hub/internal/api/apitest"
	"picket.internal/hub/internal/web"
)

var update = flag.Bool("update", false, "write the golden files anew")

const (
	addr = "127.0.0.1:7443"
	key  = "0123456789abcdef"
)

// site is the pages over a hub in memory.
type site struct {
	*apitest.Memory
	handler http.Handler
	log     bytes.Buffer
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{Memory: new(apitest.Memory)}
	s.SetStatus(types.Status{Hub: "u_qkz4m5d7y3cxv2rw6tnbp5hjfa", Version: "v0.1.0", Started: apitest.Noon.Add(-30 * time.Hour),
		Rules: types.RulesStatus{Loaded: 14, Source: "embedded"}, Counters: map[string]int64{"batch.accepted": 12834, "batch.gap": 0}})
	s.handler = web.New(web.Config{Reader: s, Key: key, Addr: addr, Logger: slog.New(slog.NewTextHandler(&s.log, nil)), Zone: time.UTC,
		Now: func() time.Time { return apitest.Noon.Add(20 * time.Minute) }})
	return s
}

// filled has an alert of every severity, hosts of every state, facts of some
// kinds; text is what hosts call everything.
func filled(t *testing.T, text string) *site {
	t.Helper()
	s := newSite(t)
	for n, severity := range types.Severities {
		a := apitest.Alert(n, severity, text)
		a.Time = a.Time.AddDate(0, 0, n-len(types.Severities)+1)
		s.AddAlert(a)
	}
	for n := range 12 { // ten of which are linked
		f := apitest.CanaryFact(10+n, text)
		s.GrowAlert(apitest.AlertID(3), f.Time, apitest.Stored(f))
	}
	attested := apitest.Host(1, "web1", text)
	attested.Attestation = &types.Attestation{Asked: apitest.Noon, At: apitest.Noon, Verdict: types.AttestAgrees, Notes: []string{"unit_send changed with a package" + text}}
	attested.Log = &types.HostLog{Records: 1234, Verdict: types.LogSame}
	s.AddHost(attested)
	silent := apitest.Host(2, "db1", text)
	silent.Silent, silent.LastSeen, silent.Dropped = true, apitest.Noon.Add(-3*time.Hour), 4711
	s.AddHost(silent)
	pending := types.Host{ID: apitest.HostID(3), Name: "new", State: types.HostPending, Enrolled: apitest.Noon}
	s.AddHost(pending)
	changed := apitest.Host(4, "build-07", text)
	contradicted := apitest.Host(5, "cache1", text)
	contradicted.Attestation = &types.Attestation{Asked: apitest.Noon, At: apitest.Noon, Verdict: types.AttestDisagrees, Findings: []string{"attest.running: process 7 runs a sensor that is not the one on the disk" + text}}
	contradicted.Log = &types.HostLog{Records: 1234, Verdict: types.LogFork}
	changed.PinnedSHA256 = strings.Repeat("0", 64)
	s.AddHost(changed)
	s.AddHost(contradicted)
	s.AddFact(apitest.Stored(apitest.CanaryFact(1, text)))
	sensor := apitest.CanaryFact(2, text)
	sensor.Kind, sensor.Canary, sensor.Process, sensor.User = fact.KindSensor, nil, nil, nil
	sensor.Sensor = &fact.Sensor{Action: fact.SensorLoss, Cause: text, Reason: text, Count: 3}
	s.AddFact(apitest.Stored(sensor))
	return s
}

// pages are all that there are, with what they need to be shown.
func pages() map[string]string {
	return map[string]string{
		"alerts":   "/",
		"filtered": "/?severity=high&host=" + apitest.HostID(1) + "&rule=canary.read&shadow=true",
		"alert":    "/alerts/" + apitest.AlertID(3),
		"hosts":    "/hosts",
		"host":     "/hosts/" + apitest.HostID(1),
		"kind":     "/hosts/" + apitest.HostID(1) + "?kind=canary",
		"changed":  "/hosts/" + apitest.HostID(4),
		"attested": "/hosts/" + apitest.HostID(5),
		"hub":      "/hub",
		"missing":  "/alerts/none",
	}
}

func (s *site) get(path string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "http://"+addr+path, nil)
	for _, c := range change {
		c(r)
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w
}

// open asks as somebody who has the key.
func (s *site) open(path string) *httptest.ResponseRecorder {
	return s.get(path, func(r *http.Request) {
		q := r.URL.Query()
		q.Set("key", key)
		r.URL.RawQuery = q.Encode()
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden.html")
	if *update {
		must(t, os.MkdirAll("testdata", 0o755))
		must(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	must(t, err)
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s: -want +got (-update writes it anew)\n%s", name, diff)
	}
}

func TestPages(t *testing.T) {
	for name, path := range pages() {
		w := filled(t, "").open(path)
		if want := map[string]int{"missing": 404}[name]; w.Code != max(want, 200) {
			t.Errorf("%s: %d", name, w.Code)
		}
		golden(t, name, w.Body.Bytes())
	}
	golden(t, "empty", newSite(t).open("/").Body.Bytes())
	golden(t, "no-hosts", newSite(t).open("/hosts").Body.Bytes())
}

func TestEmptyPagesSayWhatWouldFillThem(t *testing.T) {
	s := newSite(t)
	for path, want := range map[string]string{
		"/":              "picket enroll token",
		"/hosts":         "picket enroll token",
		"/?severity=low": "No alert matches this filter",
	} {
		if body := s.open(path).Body.String(); !strings.Contains(body, want) {
			t.Errorf("%s lacks %q", path, want)
		}
	}
	s.AddHost(apitest.Host(1, "web1", ""))
	if body := s.open("/").Body.String(); !strings.Contains(body, "touch a canary") {
		t.Error("a hub with a host does not say how to make an alert")
	}
	if body := s.open("/hosts/" + apitest.HostID(1)).Body.String(); !strings.Contains(body, "No fact has arrived") {
		t.Error("a host without facts does not say so")
	}
}

func TestHealth(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*site)
		want   string
	}{
		"well":   {func(*site) {}, "14 rules · 1 host<"},
		"rules":  {func(s *site) { s.SetStatus(types.Status{Rules: types.RulesStatus{Loaded: 3, Error: "x"}}) }, "Newer rules were refused"},
		"none":   {func(s *site) { s.SetStatus(types.Status{}) }, "No rules are loaded"},
		"silent": {func(s *site) { h := apitest.Host(2, "x", ""); h.Silent = true; s.AddHost(h) }, "1 host silent"},
		"store":  {func(s *site) { s.Err = fmt.Errorf("disk I/O error") }, "The hub cannot read its own state"},
	} {
		s := newSite(t)
		s.AddHost(apitest.Host(1, "web1", ""))
		tc.change(s)
		if body := s.open("/").Body.String(); !strings.Contains(body, tc.want) {
			t.Errorf("%s: no %q in\n%s", name, tc.want, body)
		}
	}
}

func TestErrorsTellNothing(t *testing.T) {
	s := filled(t, "")
	s.Err = fmt.Errorf("opening /var/lib/picket/hub.db: disk I/O error")
	for name, path := range pages() {
		w := s.open(path)
		if w.Code != 500 && name != "missing" || strings.Contains(w.Body.String(), "disk") {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	if !strings.Contains(s.log.String(), "disk I/O error") {
		t.Error("the log does not say why")
	}
	for _, path := range []string{"/?severity=worst", "/?sort=name", "/?rule=a&rule=b", "/hosts/" + apitest.HostID(1) + "?kind=" + strings.Repeat("x", 300)} {
		if w := filled(t, "").open(path); w.Code != 400 || !strings.Contains(w.Body.String(), "malformed") {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

var (
	alertLink = regexp.MustCompile(`href="/alerts/([^"]+)"`)
	olderLink = regexp.MustCompile(`class="next" href="([^"]+)"`)
)

// Pages of 50, each alert on exactly one of them, in order, filter kept.
func TestAlertsArePaged(t *testing.T) {
	s := newSite(t)
	s.AddHost(apitest.Host(1, "web1", ""))
	for n := range 120 {
		s.AddAlert(apitest.Alert(n, "high", ""))
		s.AddFact(apitest.Stored(apitest.CanaryFact(n, "")))
	}
	s.AddAlert(apitest.Alert(500, "low", ""))
	var seen []string
	path := "/?severity=high"
	for n := 0; path != ""; n++ {
		body := s.open(path).Body.String()
		if !strings.Contains(body, `value="high" selected`) {
			t.Errorf("page %d forgot the filter", n)
		}
		for _, m := range alertLink.FindAllStringSubmatch(body, -1) {
			seen = append(seen, m[1])
		}
		if (n > 0) != strings.Contains(body, "← Newest") || (n > 0) == strings.Contains(body, "data-live") {
			t.Errorf("page %d: the way back, or the news, is not where it belongs", n)
		}
		path = ""
		if m := olderLink.FindStringSubmatch(body); m != nil {
			path = html.UnescapeString(m[1])
		}
	}
	if len(seen) != 120 || seen[0] != apitest.AlertID(119) || seen[119] != apitest.AlertID(0) {
		t.Errorf("%d alerts, %v…", len(seen), seen[:1])
	}
	facts := s.open("/hosts/" + apitest.HostID(1)).Body.String()
	m := olderLink.FindStringSubmatch(facts)
	if strings.Count(facts, "<summary>") != 50 || m == nil {
		t.Fatalf("%d facts, next %v", strings.Count(facts, "<summary>"), m)
	}
	if next := s.open(html.UnescapeString(m[1])).Body.String(); strings.Count(next, "<summary>") != 50 {
		t.Errorf("%d facts on the second page", strings.Count(next, "<summary>"))
	}
}

// A rule over several facts shows what it counted, and a risk what it is made of.
func TestAlertOfSeveralFacts(t *testing.T) {
	s := newSite(t)
	a := apitest.Alert(1, "high", "<b>")
	a.Window = &types.Window{Count: 3, Value: 160.25, Since: apitest.Noon.Add(-time.Minute), Rules: []string{"canary.read"},
		Group: map[string]string{"user.name": "<i>root"}}
	a.Parts = []types.Part{{Alert: apitest.AlertID(7), Rule: "canary.read", Score: 70}, {Rule: "<u>gone", Score: 34.5}}
	s.AddAlert(a)
	body := s.open("/alerts/" + a.ID).Body.String()
	for _, want := range []string{"What it counted", "160.2", "&lt;i&gt;root", `href="/alerts/` + apitest.AlertID(7) + `"`, "&lt;u&gt;gone", "The facts behind it"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	for _, never := range []string{"<i>", "<u>", "It happened again"} {
		if strings.Contains(body, never) {
			t.Errorf("the page has %q", never)
		}
	}
}
