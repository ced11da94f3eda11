package web_test

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"picket.internal/hub/internal/api/apitest"
	"picket.internal/hub/internal/web"
)

// listen opens a page's stream of news and returns its events, as "name id".
func listen(t *testing.T, m *apitest.Memory, query, lastID string) (next func() string) {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	server.Config.Handler = web.New(web.Config{Reader: m, Key: key, Addr: server.Listener.Addr().String()})
	server.Start()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	req, err := http.NewRequestWithContext(ctx, "GET", server.URL+"/live?key="+key+query, nil)
	must(t, err)
	req.Header.Set("Last-Event-ID", lastID)
	resp, err := server.Client().Do(req)
	must(t, err)
	t.Cleanup(func() {
		cancel()
		resp.Body.Close()
		server.Close()
	})
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%d %s", resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	lines := bufio.NewScanner(resp.Body)
	return func() string {
		event := ""
		for lines.Scan() {
			switch name, text, _ := strings.Cut(lines.Text(), ": "); name {
			case "event":
				event = text
			case "id":
				event += " " + text
			case "data":
				event += strings.TrimPrefix(text, "{}")
			case "":
				return event
			}
		}
		t.Fatal("the stream ended: ", lines.Err())
		return ""
	}
}

func TestLive(t *testing.T) {
	m := new(apitest.Memory)
	m.AddAlert(apitest.Alert(1, "high", ""))
	m.AddAlert(apitest.Alert(2, "high", ""))
	next := listen(t, m, "&severity=high&after="+apitest.AlertID(1), "")
	expect := func(want string) {
		t.Helper()
		if got := next(); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
	expect("beat " + apitest.AlertID(1))
	expect("alert " + apitest.AlertID(2))
	m.AddAlert(apitest.Alert(3, "low", ""))
	shadow := apitest.Alert(4, "high", "")
	shadow.Shadow = true
	m.AddAlert(shadow)
	m.AddAlert(apitest.Alert(5, "high", ""))
	expect("alert " + apitest.AlertID(5))
}

// What has grown is told with its count, of those alerts that the page is about,
// and not once for every duplicate.
func TestLiveTellsWhatGrows(t *testing.T) {
	m := new(apitest.Memory)
	m.AddAlert(apitest.Alert(1, "high", ""))
	m.AddAlert(apitest.Alert(2, "low", ""))
	next := listen(t, m, "&severity=high&after="+apitest.AlertID(2), "")
	if got, want := next(), "beat "+apitest.AlertID(2); got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
	for n := range 50 {
		f := apitest.CanaryFact(n, "<script>")
		m.GrowAlert(apitest.AlertID(1), time.Now(), apitest.Stored(f))
		m.GrowAlert(apitest.AlertID(2), time.Now(), apitest.Stored(f))
	}
	for told := 1; ; told++ {
		got := next()
		name, data, _ := strings.Cut(got, "{")
		if name != "more "+apitest.AlertID(2) || told > 2 || !strings.Contains(data, `"id":"`+apitest.AlertID(1)+`","words":"`) || strings.Contains(data, "script") {
			t.Fatalf("told the %d. time: %q", told, got)
		}
		if strings.HasPrefix(data, `"count":51,`) {
			break
		}
	}
	m.AddAlert(apitest.Alert(3, "high", ""))
	if got, want := next(), "alert "+apitest.AlertID(3); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A browser that lost the connection takes it up where it was.
func TestLiveIsTakenUpAgain(t *testing.T) {
	m := new(apitest.Memory)
	for n := range 5 {
		m.AddAlert(apitest.Alert(n, "high", ""))
	}
	next := listen(t, m, "&after="+apitest.AlertID(0), apitest.AlertID(2))
	for _, want := range []string{"beat " + apitest.AlertID(2), "alert " + apitest.AlertID(3), "alert " + apitest.AlertID(4)} {
		if got := next(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// The id that a browser sends back cannot break out of its line.
func TestLiveEchoesNoLines(t *testing.T) {
	next := listen(t, new(apitest.Memory), "&after=x%0A%0Aevent:%20alert%0A", "")
	if got := next(); got != `beat x\n\nevent: alert\n` {
		t.Errorf("%q", got)
	}
}

func TestLiveRefusesNonsense(t *testing.T) {
	if w := filled(t, "").open("/live?severity=worst"); w.Code != 400 {
		t.Errorf("%d", w.Code)
	}
}
