package hub_test

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"picket.internal/api"
	"picket.internal/envelope"
	"picket.internal/hub"
	"picket.internal/hub/hubtest"
	"picket.internal/strictjson"
	"picket.internal/wire"
)

// badInput is something that a host sends and the hub refuses.
type badInput struct {
	name string
	// send sends it, and returns what the host was told.
	send func(t *testing.T, h *hubtest.Hub, host *hubtest.Host) error
	// id is the error and the counter.
	id string
	// noticed is true where the log tells of it.
	noticed bool
}

var badInputs = []badInput{
	{name: "a bad signature", id: "env.bad_signature", noticed: true,
		send: func(t *testing.T, h *hubtest.Hub, host *hubtest.Host) error {
			sealed := string(host.Clone().Seal(host.Batch(host.Metric())))
			i := strings.LastIndex(sealed, `"sig":"`) + len(`"sig":"`)
			broken := sealed[:i] + strings.Map(flip, sealed[i:i+4]) + sealed[i+4:]
			_, _, err := host.Post(wire.PathBatch, []byte(broken), nil)
			return err
		}},
	{name: "signed by a key that is not the client's", id: "env.unknown_key", noticed: true,
		send: func(t *testing.T, h *hubtest.Hub, host *hubtest.Host) error {
			other := h.Stranger()
			other.ID = host.ID
			_, _, err := host.Post(wire.PathBatch, other.Seal(other.Batch(host.Metric())), nil)
			return err
		}},
	{name: "from an unknown host", id: "host.unknown",
		send: func(t *testing.T, h *hubtest.Hub, host *hubtest.Host) error {
			stranger := h.Stranger()
			_, err := stranger.Send(stranger.Metric())
			return err
		}},
	{name: "from a disabled host", id: "host.disabled",
		send: func(t *testing.T, h *hubtest.Hub, host *hubtest.Host) error {
			other := h.Enroll()
			other.MustSend(other.Metric())
			h.SetHost(other.ID, "disable")
			_, err := other.Send(other.Metric())
			return err
		}},
	{name: "for another hub", id: "batch.wrong_hub", noticed: true,
		send: func(t *testing.T, h *hubtest.Hub, host *hubtest.Host) error {
			b := host.Batch(host.Metric())
			b.Hub = wire.NewHubID()
			_, err := host.SendSealed(host.Clone().Seal(b))
			return err
		}},
	{name: "in another host's name", id: "batch.wrong_host", noticed: true,
		send: func(t *testing.T, h *hubtest.Hub, host *hubtest.Host) error {
			b := host.Batch(host.Metric())
			b.Host = h.Enroll().ID
			_, err := host.SendSealed(host.Clone().Seal(b))
			return err
		}},
	{name: "an enrollment in place of a batch", id: "env.wrong_payload_type", noticed: true,
		send: func(t *testing.T, h *hubtest.Hub, host *hubtest.Host) error {
			sealed, err := wire.SealEnroll(&wire.EnrollRequest{Token: wire.NewTokenID(), Secret: wire.NewSecret(), Machine: strings.Repeat("ab", 32),
				Name: "x", OS: "linux", Kernel: "6", Architecture: "amd64", Version: "v0", Sent: time.Now().UTC()}, host.Key)
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = host.Post(wire.PathBatch, sealed, nil)
			return err
		}},
	{name: "a payload that is not canonical", id: "env.not_canonical", noticed: true,
		send: func(t *testing.T, h *hubtest.Hub, host *hubtest.Host) error {
			return signAnything(t, host, []byte(`{"v": 1}`))
		}},
	{name: "a field that nobody knows", id: "env.unknown_field", noticed: true,
		send: func(t *testing.T, h *hubtest.Hub, host *hubtest.Host) error {
			payload, err := strictjson.Encode(host.Batch(host.Metric()))
			payload = bytes.Replace(payload, []byte(`,"prev":`), []byte(`,"more":1,"prev":`), 1) // where it sorts
			if err != nil {
				t.Fatal(err)
			}
			return signAnything(t, host, payload)
		}},
	{name: "too many facts", id: "batch.too_many_facts", noticed: true,
		send: func(t *testing.T, h *hubtest.Hub, host *hubtest.Host) error {
			b := host.Batch()
			b.V = 1
			for range wire.MaxFacts + 1 {
				b.Facts = append(b.Facts, jsontext.Value(`{}`))
			}
			payload, err := strictjson.Encode(b)
			if err != nil {
				t.Fatal(err)
			}
			return signAnything(t, host, payload)
		}},
	{name: "over the bound of a body", id: "batch.too_large", noticed: true,
		send: func(t *testing.T, h *hubtest.Hub, host *hubtest.Host) error {
			_, _, err := host.Post(wire.PathBatch, make([]byte, 1<<20+1), nil)
			return err
		}},
	{name: "packed in a way that nobody knows", id: "batch.encoding", noticed: true,
		send: func(t *testing.T, h *hubtest.Hub, host *hubtest.Host) error {
			_, _, err := host.Post(wire.PathBatch, []byte("x"), http.Header{"Content-Encoding": {"br"}})
			return err
		}},
	{name: "no JSON", id: "env.malformed", noticed: true,
		send: func(t *testing.T, h *hubtest.Hub, host *hubtest.Host) error {
			_, _, err := host.Post(wire.PathBatch, []byte("hello"), nil)
			return err
		}},
	{name: "two different batches with one number", id: "batch.fork",
		send: func(t *testing.T, h *hubtest.Hub, host *hubtest.Host) error {
			other := h.Enroll()
			fork := other.Clone()
			other.MustSend(other.Metric())
			_, err := fork.Send(fork.Metric())
			return err
		}},
	{name: "a used token", id: "enrol.token_used",
		send: func(t *testing.T, h *hubtest.Hub, host *hubtest.Host) error {
			token := h.EnrollToken(1)
			if _, err := h.Stranger().Enroll(token, "used once"); err != nil {
				t.Fatal(err)
			}
			_, err := h.Stranger().Enroll(token, "used twice")
			return err
		}},
	{name: "an unknown token", id: "enrol.token_unknown",
		send: func(t *testing.T, h *hubtest.Hub, host *hubtest.Host) error {
			token := h.EnrollToken(1)
			token.ID = wire.NewTokenID()
			_, err := h.Stranger().Enroll(token, "m")
			return err
		}},
	{name: "an enrollment that is no request", id: "env.malformed",
		send: func(t *testing.T, h *hubtest.Hub, host *hubtest.Host) error {
			_, _, err := h.Stranger().Post(wire.PathEnroll, []byte("hello"), nil)
			return err
		}},
}

// flip changes a character of base64 into another one.
func flip(r rune) rune {
	if r == 'A' {
		return 'B'
	}
	return 'A'
}

func signAnything(t *testing.T, host *hubtest.Host, payload []byte) error {
	t.Helper()
	_, _, err := host.Post(wire.PathBatch, hubtest.SignRaw(envelope.Batch, payload, host.Key), nil)
	return err
}

func TestBadInput(t *testing.T) {
	h := hubtest.New(t, nil)
	host := h.Enroll()
	for _, tt := range badInputs {
		t.Run(tt.name, func(t *testing.T) {
			before, facts := h.Counters(), h.Hosts()[host.ID].Facts
			if err := tt.send(t, h, host); problem(err) != tt.id {
				t.Errorf("the host was told %v, want %s", err, tt.id)
			}
			if got := h.Counters()[tt.id] - before[tt.id]; got != 1 {
				t.Errorf("counter %s went up by %d, want 1", tt.id, got)
			}
			if got := h.Hosts()[host.ID].Facts; got != facts {
				t.Errorf("%d facts were stored", got-facts)
			}
			host.MustSend(host.Metric()) // nothing else is stopped
			if tt.noticed {
				h.Wait("a notice of "+tt.id, func() bool {
					for _, f := range h.Facts(api.FactQuery{HostID: host.ID, Kind: "fleet"}) {
						if strings.Contains(string(f.Fact), tt.id) {
							return true
						}
					}
					return false
				})
			}
		})
	}
	if c := h.Counters(); c["hub.panic"]+c["hub.internal"] != 0 {
		t.Errorf("counters %v", c)
	}
}

func TestMalformedFactAmongGoodOnes(t *testing.T) {
	h := hubtest.New(t, nil)
	host := h.Enroll()
	b := host.Batch(host.Canary("/one"), host.Canary("/two"))
	otherKind := strings.Replace(string(b.Facts[0]), `"kind":"canary"`, `"kind":"Canary!"`, 1)
	b.Facts = []jsontext.Value{b.Facts[0], jsontext.Value(`7`), jsontext.Value(`{}`), jsontext.Value(`{"id":"x"}`), jsontext.Value(otherKind), b.Facts[1]}
	ack, err := host.SendSealed(host.Seal(b))
	if err != nil {
		t.Fatal(err)
	}
	if len(ack.Refused) != 4 || ack.Refused[0].Index != 1 || ack.Refused[3].Index != 4 {
		t.Errorf("refused %+v, want 1 to 4", ack.Refused)
	}
	h.WaitAlerts("canary.read", 2)
	h.WaitAlerts("fleet.refused", 1)
	if got := h.Hosts()[host.ID].Facts; got != 2 {
		t.Errorf("%d facts count, want 2", got)
	}
	for id, want := range map[string]int64{"fact.malformed": 3, "fact.bad_kind": 1} {
		if got := h.Counters()[id]; got != want {
			t.Errorf("counter %s is %d, want %d", id, got, want)
		}
	}
	host.MustSend(host.Metric())
	h.Stop()
	if report := checkSound(t, h.Dir); report.Refused != 4 {
		t.Errorf("the check finds %d refused facts in the kept bytes, want 4", report.Refused)
	}
}

func TestExpiredToken(t *testing.T) {
	clock := newClock()
	h := hubtest.New(t, func(c *hub.Config) { c.Now = clock.Now })
	token := h.EnrollToken(1)
	clock.Add(time.Hour)
	if _, err := h.Stranger().Enroll(token, "m"); problem(err) != "enrol.token_expired" {
		t.Errorf("after an hour: %v, want enrol.token_expired", err)
	}
	if n := len(h.Hosts()); n != 0 {
		t.Errorf("%d hosts", n)
	}
}

func TestBrokenRulesKeepTheLastGoodSet(t *testing.T) {
	dir := t.TempDir()
	writeRule(t, dir, "touch.yaml", touchRule)
	h := hubtest.New(t, func(c *hub.Config) { c.Rules = dir })
	host := h.Enroll()
	for name, text := range map[string]string{
		"a YAML error":     "id: [",
		"an unknown field": strings.Replace(touchRule, "canary.action ==", "canary.nothing ==", 1),
		"a type error":     strings.Replace(touchRule, `"read"`, "7", 1),
		"an endless cost":  strings.Replace(touchRule, `canary.action == "read"`, `process.args.all(a, process.args.all(b, process.args.all(c, process.args.all(d, a == b && c == d))))`, 1),
	} {
		writeRule(t, dir, "broken.yaml", strings.Replace(text, "test.touch", "test.broken", 1))
		h.Wait("the error of "+name, func() bool { return rulesOf(h).Error != "" })
		if s := rulesOf(h); s.Loaded != 1 || s.Source != dir {
			t.Errorf("%s: status is %+v, want the one good rule", name, s)
		}
		host.MustSend(host.Canary("/" + strings.ReplaceAll(name, " ", "-")))
		if err := os.Remove(filepath.Join(dir, "broken.yaml")); err != nil {
			t.Fatal(err)
		}
		h.Wait("the good set to be loaded", func() bool { return rulesOf(h).Error == "" })
	}
	h.WaitAlerts("test.touch", 4)
}

func rulesOf(h *hubtest.Hub) api.RulesStatus {
	return hubtest.Get[api.Status](h, api.PathStatus)[0].Rules
}
