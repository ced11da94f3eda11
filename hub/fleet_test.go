package hub_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"picket.internal/api"
	"picket.internal/fact"
	"picket.internal/hub"
	"picket.internal/hub/hubtest"
	"picket.internal/wire"
)

func TestSilentHostIsAnAlertWithoutAnyFact(t *testing.T) {
	h := hubtest.New(t, func(c *hub.Config) { c.SilentAfter = 300 * time.Millisecond })
	host := h.Enroll()
	host.MustSend(host.Metric())
	alert := h.WaitAlerts("sensor.silent", 1)[0]
	if alert.Host.ID != host.ID {
		t.Errorf("alert is about %s", alert.Host.ID)
	}
	if !h.Hosts()[host.ID].Silent {
		t.Error("the list of hosts does not say so")
	}
	h.Restart() // a hub that comes back does not tell it again
	host.MustSend(host.Metric())
	h.Wait("the return", func() bool { return !h.Hosts()[host.ID].Silent })
	var told []string
	for _, action := range notices(h, t, host.ID) {
		if action != fact.FleetEnrolled {
			told = append(told, action)
		}
	}
	if got := strings.Join(told, " "); got != "silent returned" && got != "silent returned silent" {
		t.Errorf("told %q", got)
	}
}

func TestReplacedSensorNamesBothHashes(t *testing.T) {
	h := hubtest.New(t, nil)
	host := h.Enroll()
	good, bad := strings.Repeat("a", 64), strings.Repeat("b", 64)
	beat := func(disk, running string) {
		f := host.Fact(fact.KindBinary)
		f.Binary = &fact.Binary{Action: fact.BinaryHeartbeat, Path: "/usr/bin/picket-sensor", Hash: &fact.Hash{SHA256: disk},
			Running: &fact.Running{Hash: &fact.Hash{SHA256: running}}}
		host.MustSend(f)
	}
	beat(good, good)
	beat(bad, good)
	beat(bad, good)
	alerts := h.WaitAlerts("", 1)
	if text := string(alerts[0].Facts[0]); !strings.Contains(text, good) || !strings.Contains(text, bad) || alerts[0].Host.ID != host.ID {
		t.Errorf("alert %s is about %s", alerts[0].Rule.ID, text)
	}
	if got := h.Hosts()[host.ID].PinnedSHA256; got != good {
		t.Errorf("pinned %s, want %s", got, good)
	}
	if facts := h.Facts(api.FactQuery{HostID: host.ID, Kind: string(fact.KindIntegrity)}); len(facts) != 1 {
		t.Errorf("%d findings, want one a change", len(facts))
	}
}

func TestOneHostCannotTakeAllPlaces(t *testing.T) {
	h := hubtest.New(t, func(c *hub.Config) { c.Limits.Batch.PerHost = 2; c.Limits.Batch.BodyTimeout = 2 * time.Second })
	greedy, other := h.Enroll(), h.Enroll()
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for { // until it holds a place, and then as long as the hub lets it
				_, _, err := greedy.PostFrom(wire.PathBatch, trickle{20 * time.Millisecond}, nil)
				if problem(err) != "host.busy" {
					return
				}
			}
		})
	}
	h.Wait("a refusal", func() bool {
		status, _, err := greedy.Post(wire.PathBatch, []byte("x"), nil)
		return status == http.StatusTooManyRequests && problem(err) == "host.busy"
	})
	other.MustSend(other.Metric())
	wg.Wait()
	greedy.MustSend(greedy.Metric())
}

func TestMetricsHealthAndUnknownPaths(t *testing.T) {
	h := hubtest.New(t, nil)
	host := h.Enroll()
	host.MustSend(host.Metric())
	if status, body := h.Do("GET", "/metrics", ""); status != 200 || !strings.Contains(body, `picket_events_total{id="batch.accepted"} 1`) {
		t.Errorf("metrics: %d %.200s", status, body)
	}
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/debug/pprof/": 404, "/": 404} {
		if status, body := h.Do("GET", path, ""); status != want {
			t.Errorf("%s: %d %s, want %d", path, status, body, want)
		}
	}
	h.Access.Secret = wire.NewSecret()
	if status, body := h.Do("GET", "/metrics", ""); status != 401 || strings.Contains(body, "picket_") {
		t.Errorf("metrics with a wrong token: %d %.100s", status, body)
	}
}

func TestStatusTellsOfTheHub(t *testing.T) {
	h := hubtest.New(t, nil)
	s := hubtest.Get[api.Status](h, api.PathStatus)[0]
	if s.Hub != h.ID() || s.Version != "test" || s.Rules.Loaded < 12 || s.Rules.Source != "embedded" || s.Rules.Error != "" {
		t.Errorf("status is %+v", s)
	}
}

func TestWebPageOpensWithItsKey(t *testing.T) {
	h := hubtest.New(t, nil)
	resp, err := http.Get(h.UIURL())
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("with the key: %s", resp.Status)
	}
	bare, _, _ := strings.Cut(h.UIURL(), "?")
	if resp, err = http.Get(bare); err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("without it: %s", resp.Status)
	}
}

func TestTokensNameAnAddressThatHostsReach(t *testing.T) {
	h := hubtest.New(t, func(c *hub.Config) { c.Advertise = "hub.example:7443" })
	if token := h.EnrollToken(1); token.Address != "hub.example:7443" || token.Hub != h.ID() || len(token.Pins) != 2 {
		t.Errorf("token is %+v", token)
	}
	any := hubtest.New(t, func(c *hub.Config) { c.Listen = "0.0.0.0:0" })
	if token := any.EnrollToken(1); strings.HasPrefix(token.Address, "0.0.0.0") {
		t.Errorf("token names %s", token.Address)
	}
}
