package web_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	types "picket.internal/api"
	"picket.internal/fact"
	"picket.internal/hub/internal/api/apitest"
	"picket.internal/hub/internal/web"
)

// acted is a hub that has responded: once done, once waiting for a signature.
type acted struct{ list []types.Response }

func newActed(text string) acted {
	host := fact.Host{ID: apitest.HostID(1), Name: "web1" + text}
	at := apitest.Noon
	return acted{[]types.Response{
		{ID: "01K3ZA5BWXT4S8DPM2YQ6H0R9B", Host: host, Action: "isolate_network", State: types.ResponseWaiting, Why: "the policy asks for the signatures of 1 operator",
			Policy: "canary-touched", Alert: apitest.AlertID(3), Signatures: 1, Created: at.Add(time.Second)},
		{ID: "01K3ZA5BWXJ6N9E0V1T8QKZC4P", Host: host, Action: "suspend_process", State: types.ResponseDone, Policy: "canary-touched", Alert: apitest.AlertID(3), Created: at,
			Receipts: []types.ResponseReceipt{{Seq: 7, Outcome: "done", Detail: text, Time: at, Received: at, LeaseEnd: at.Add(30 * time.Minute)}}},
		{ID: "01K3ZA5BWXE2D1C0B9A8Z7Y6X5", Host: host, Action: "collect_evidence", State: types.ResponseDone, Created: at.Add(-time.Second),
			Evidence: &types.Evidence{SHA256: strings.Repeat("0f", 32), Bytes: 300_000, Chunks: 3, Have: 2, State: types.EvidenceComing}},
		{ID: "01K3ZA5BWXE2D1C0B9A8Z7Y6X4", Host: host, Action: "collect_evidence", State: types.ResponseDone, Created: at.Add(-2 * time.Second),
			Evidence: &types.Evidence{SHA256: strings.Repeat("0f", 32), Bytes: 300_000, Chunks: 3, Have: 3, State: types.EvidenceWhole}},
		{ID: "01K3ZA5BWXE2D1C0B9A8Z7Y6X3", Host: host, Action: "collect_evidence", State: types.ResponseDone, Created: at.Add(-3 * time.Second),
			Evidence: &types.Evidence{SHA256: strings.Repeat("0f", 32), Bytes: 300_000, Chunks: 3, State: types.EvidenceKept, Why: "no key to seal it to" + text}},
	}}
}

func (a acted) Responses(_ context.Context, q types.ResponseQuery) (out []types.Response, _ error) {
	for _, r := range a.list {
		if q.State == "" || q.State == r.State {
			out = append(out, r)
		}
	}
	return out, nil
}

func (a acted) AlertResponses(_ context.Context, alert string) ([]types.Response, error) {
	list := slices.Clone(a.list)
	slices.Reverse(list)
	return slices.DeleteFunc(list, func(r types.Response) bool { return r.Alert != alert }), nil
}

func (acted) Pause(context.Context) (types.Pause, error) {
	return types.Pause{Paused: true, Reason: "a false alarm"}, nil
}

// responding is a site with responses.
func responding(t *testing.T, text string) *site {
	t.Helper()
	s := filled(t, text)
	s.handler = web.New(web.Config{Reader: s, Responses: newActed(text), Key: key, Addr: addr, Zone: time.UTC,
		Now: func() time.Time { return apitest.Noon.Add(20 * time.Minute) }})
	return s
}

// What waits for a person comes first, with the command that decides; the alert
// shows what was done about it.
func TestPagesOfResponses(t *testing.T) {
	s := responding(t, "")
	golden(t, "responses", s.open("/responses").Body.Bytes())
	golden(t, "alert-responses", s.open("/alerts/"+apitest.AlertID(3)).Body.Bytes())
	if w := s.open("/responses?state=maybe"); w.Code != http.StatusBadRequest {
		t.Errorf("a state that is none: %d", w.Code)
	}
	if w := newSite(t).open("/responses"); w.Code != http.StatusNotFound {
		t.Errorf("a hub that does not respond: %d", w.Code)
	}
	if w := s.get("/responses"); w.Code == http.StatusOK {
		t.Error("without the key")
	}
}

func TestThreat_H2_HostTextInPagesOfResponses(t *testing.T) {
	paths := []string{"/responses", "/alerts/" + apitest.AlertID(3)}
	harmless := responding(t, "harmless")
	for _, name := range hostile(t) {
		s := responding(t, name)
		for _, path := range paths {
			if diff := cmp.Diff(skeleton(harmless.open(path).Body.String()), skeleton(s.open(path).Body.String())); diff != "" {
				t.Errorf("%q changes the markup of %s:\n%s", name, path, diff)
			}
		}
	}
	if !strings.Contains(harmless.open("/responses").Body.String(), "harmless") {
		t.Error("the page shows no text of the host, so the test tests nothing")
	}
}

// A response for which the glass was broken says so, in the colour of what is
// bad, in the list and below its alert; the reason is a person's text.
func TestBrokenGlassIsShown(t *testing.T) {
	s := filled(t, "")
	list := newActed("")
	list.list[1].BreakGlass = "bob is on a <plane>"
	s.handler = web.New(web.Config{Reader: s, Responses: list, Key: key, Addr: addr, Zone: time.UTC, Now: func() time.Time { return apitest.Noon.Add(20 * time.Minute) }})
	for _, path := range []string{"/responses", "/alerts/" + apitest.AlertID(3)} {
		if body := s.open(path).Body.String(); !strings.Contains(body, `<p class="no broke">Break-glass: bob is on a &lt;plane&gt;</p>`) {
			t.Errorf("%s does not show that the glass was broken", path)
		}
	}
}
