package hubtest

import (
	"bufio"
	"encoding/json"
	"net/http"
	"testing"

	"picket.internal/api"
)

// Follower reads a stream of alerts.
type Follower struct {
	t     testing.TB
	lines *bufio.Scanner
}

// Follow opens a stream of the alerts that are stored from now on.
func (h *Hub) Follow() *Follower {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), http.MethodGet, h.URL(api.PathAlertsFollow), nil)
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+h.Access.String())
	resp, err := h.api.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		h.t.Fatalf("following alerts: %s", resp.Status)
	}
	h.t.Cleanup(func() { resp.Body.Close() })
	f := &Follower{t: h.t, lines: bufio.NewScanner(resp.Body)}
	f.lines.Buffer(nil, 1<<20)
	f.lines.Scan() // the first line tells where the stream stands: from here on nothing is missed
	return f
}

// Next waits for the next alert.
func (f *Follower) Next() api.Alert {
	f.t.Helper()
	for f.lines.Scan() {
		var line struct {
			api.Event
			api.Alert
		}
		if err := json.Unmarshal(f.lines.Bytes(), &line); err != nil {
			f.t.Fatal(err)
		}
		if line.Event.Event == "" {
			return line.Alert
		}
	}
	f.t.Fatalf("the stream ended: %v", f.lines.Err())
	return api.Alert{}
}
