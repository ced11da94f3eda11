package hub_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"picket.internal/api"
	"picket.internal/dossier"
	"picket.internal/eat"
	"picket.internal/envelope"
	"picket.internal/fact"
	"picket.internal/hub"
	"picket.internal/hub/hubtest"
)

const askOne = `name: ask
title: Ask to suspend what touches a canary
on: {rules: [canary.read]}
mode: ask
actions: [{action: suspend_process, lifetime: 10m, signatures: 1}]
`

// shown is an alert of a real hub that led to an approved token and a receipt.
type shown struct {
	hub   *hubtest.Hub
	host  *hubtest.Host
	keys  dossier.Keys
	bytes []byte
}

func showAlert(t *testing.T) *shown {
	t.Helper()
	policy, rules := t.TempDir(), t.TempDir()
	writeRule(t, policy, "ask.yaml", askOne)
	for _, name := range []string{"read.yaml", "open.yaml"} { // not all that is shipped: each change loads them anew
		text, err := os.ReadFile(filepath.Join("../rules/canary", name))
		if err != nil {
			t.Fatal(err)
		}
		writeRule(t, rules, name, string(text))
	}
	h := hubtest.New(t, func(c *hub.Config) { c.Policies, c.Rules = policy, rules })
	alice := hubtest.NewKey(t)
	h.Post(t, api.PathOperators, api.Operator{Name: "alice", Key: alice.Public().String()}, nil)
	host := h.Enroll()
	w := host.Wrapper()
	w.Trust = h.Trust()
	host.MustSend(touched(host, 4211))
	r := awaitStates(t, h, api.ResponseWaiting)[0]
	h.Post(t, api.PathResponses, api.IssueRequest{Host: host.ID, Action: eat.ActionNoop, Args: []byte("{}"), Reason: "the host connects"}, nil)
	if _, err := w.Next(); err != nil {
		t.Fatal(err)
	}
	h.Post(t, api.PathResponses+"/"+r.ID+"/prepare", struct{}{}, &r)
	opened, err := eat.Open(r.Token.Envelope, h.Trust().HubKeys[0].Key)
	if err != nil {
		t.Fatal(err)
	}
	s := opened.Approve(alice)
	h.Post(t, api.PathResponses+"/"+r.ID+"/approve", api.ApproveRequest{Token: opened.Token.ID, Key: s.Key.String(), Sig: s.Sig}, nil)
	if got, err := w.Next(); err != nil || got.Outcome != eat.OutcomeDone {
		t.Fatalf("%+v, %v", got, err)
	}
	alert := h.WaitAlerts("canary.read", 1)[0]
	return &shown{h, host, dossier.Keys{Trust: h.Trust()}, export(t, h, alert.ID)}
}

func export(t *testing.T, h *hubtest.Hub, id string) []byte {
	t.Helper()
	status, text := h.Do(http.MethodGet, strings.Replace(api.PathAlertDossier, "{id}", id, 1), "")
	if status != http.StatusOK {
		t.Fatalf("exporting: %d %s", status, text)
	}
	return []byte(text)
}

func parsed(t *testing.T, data []byte) *api.Dossier {
	t.Helper()
	d, err := dossier.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// verdictsOf are the verdicts by claim; a false one hides the others.
func verdictsOf(claims []dossier.Claim) map[string]string {
	out := map[string]string{}
	for _, c := range claims {
		if out[c.Claim] != dossier.False {
			out[c.Claim] = c.Verdict
		}
	}
	return out
}

// Everything that can be shown of an alert is, from the host's signature to the
// wrapper's receipt.
func TestADossierShowsAnAlert(t *testing.T) {
	s := showAlert(t)
	claims := dossier.Check(parsed(t, s.bytes), s.keys)
	got := verdictsOf(claims)
	for _, claim := range []string{"hub", "log", "host key", "wrapper key", "signatures", "facts", "rule", "evaluation", "token", "approval", "receipt"} {
		if got[claim] != dossier.OK {
			t.Errorf("%s is %q\n%v", claim, got[claim], claims)
		}
	}
	if got["hub's word"] != dossier.NotShown || !dossier.Holds(claims) {
		t.Errorf("%v", claims)
	}
	// The key that was had elsewhere counts for more than the log.
	s.keys.Hosts = []envelope.PublicKey{s.host.Key.Public()}
	if got := verdictsOf(dossier.Check(parsed(t, s.bytes), s.keys)); got["host key"] != dossier.OK {
		t.Errorf("with the host's key: %v", got)
	}
	s.keys.Hosts = []envelope.PublicKey{hubtest.NewKey(t).Public()}
	if got := verdictsOf(dossier.Check(parsed(t, s.bytes), s.keys)); got["host key"] != dossier.False {
		t.Errorf("with another key: %v", got)
	}
}

// flipMiddle changes one bit in the middle.
func flipMiddle(b []byte) []byte {
	out := append([]byte(nil), b...)
	out[len(out)/2] ^= 1
	return out
}

// inEnvelope changes the payload or the signature number n of a DSSE envelope.
func inEnvelope(t *testing.T, sealed []byte, part string, n int) []byte {
	t.Helper()
	var env struct {
		Payload     []byte `json:"payload"`
		PayloadType string `json:"payloadType"`
		Signatures  []struct {
			KeyID string `json:"keyid"`
			Sig   []byte `json:"sig"`
		} `json:"signatures"`
	}
	if err := json.Unmarshal(sealed, &env); err != nil {
		t.Fatal(err)
	}
	if part == "payload" {
		env.Payload = flipMiddle(env.Payload)
	} else {
		env.Signatures[n].Sig = flipMiddle(env.Signatures[n].Sig)
	}
	out, err := json.Marshal(env)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func recordOf(t *testing.T, d *api.Dossier, prefix string) *api.DossierRecord {
	t.Helper()
	for i := range d.Records {
		if strings.HasPrefix(d.Records[i].Record, `{"id":"`+prefix) {
			return &d.Records[i]
		}
	}
	t.Fatalf("no record %s", prefix)
	return nil
}

// Whatever is changed that is signed, proved or computed is found, under its name.
func TestADossierThatWasChangedIsFalse(t *testing.T) {
	s := showAlert(t)
	for name, change := range map[string]struct {
		claim  string
		mutate func(t *testing.T, d *api.Dossier)
	}{
		"the text of a fact in the alert": {"facts", func(t *testing.T, d *api.Dossier) {
			d.Alert.Facts[0] = []byte(strings.Replace(string(d.Alert.Facts[0]), "/root/.aws/credentials", "/root/.ssh/id_ed25519xx", 1))
		}},
		"the text of a fact in the batch": {"batch", func(t *testing.T, d *api.Dossier) {
			d.Batches[0].Envelope = inEnvelope(t, d.Batches[0].Envelope, "payload", 0)
		}},
		"the signature of a batch": {"batch", func(t *testing.T, d *api.Dossier) {
			d.Batches[0].Envelope = inEnvelope(t, d.Batches[0].Envelope, "sig", 0)
		}},
		"the batch is gone":        {"facts", func(t *testing.T, d *api.Dossier) { d.Batches = nil }},
		"the fact is elsewhere":    {"facts", func(t *testing.T, d *api.Dossier) { d.Facts[0].Pos++ }},
		"the host of the alert":    {"facts", func(t *testing.T, d *api.Dossier) { d.Alert.Host.ID = "h_" + strings.Repeat("a", 26) }},
		"the severity":             {"evaluation", func(t *testing.T, d *api.Dossier) { d.Alert.Severity = "info" }},
		"the score":                {"evaluation", func(t *testing.T, d *api.Dossier) { d.Alert.Score++ }},
		"the message":              {"evaluation", func(t *testing.T, d *api.Dossier) { d.Alert.Message += "." }},
		"a value":                  {"evaluation", func(t *testing.T, d *api.Dossier) { d.Alert.Values = map[string]string{"a": "b"} }},
		"the time":                 {"evaluation", func(t *testing.T, d *api.Dossier) { d.Alert.Time = d.Alert.Time.Add(1) }},
		"the version of the rule":  {"rule", func(t *testing.T, d *api.Dossier) { d.Alert.Rule.Version = "000000000000" }},
		"the title of the rule":    {"rule", func(t *testing.T, d *api.Dossier) { d.Alert.Rule.Title = "Nothing" }},
		"the text of the rule":     {"rule", func(t *testing.T, d *api.Dossier) { edit(t, d, "canary.read", `"read"`, `"open"`) }},
		"the text of another rule": {"rule", func(t *testing.T, d *api.Dossier) { edit(t, d, "canary.open", `"open"`, `"move"`) }},
		"which rules the log says ran": {"log", func(t *testing.T, d *api.Dossier) {
			r := recordOf(t, d, "rules.loaded")
			r.Document = flipMiddle(r.Document)
		}},
		"the log does not say":     {"rule", func(t *testing.T, d *api.Dossier) { drop(t, d, "rules.loaded") }},
		"the key of the host":      {"host key", func(t *testing.T, d *api.Dossier) { d.Signers[0].Key = hubtest.NewKey(t).Public().String() }},
		"the hub":                  {"hub", func(t *testing.T, d *api.Dossier) { d.Hub = "u_" + strings.Repeat("a", 26) }},
		"the checkpoint":           {"log", func(t *testing.T, d *api.Dossier) { d.Checkpoint = strings.Replace(d.Checkpoint, "\n", "\n1", 1) }},
		"the place of a record":    {"log", func(t *testing.T, d *api.Dossier) { d.Records[0].Index++ }},
		"a hash of a proof":        {"log", func(t *testing.T, d *api.Dossier) { d.Records[0].Proof[0] = flipMiddle(d.Records[0].Proof[0]) }},
		"the payload of the token": {"token", func(t *testing.T, d *api.Dossier) { onToken(t, d, "payload", 0) }},
		"the hub's signature":      {"token", func(t *testing.T, d *api.Dossier) { onToken(t, d, "sig", 0) }},
		"the operator's signature": {"approval", func(t *testing.T, d *api.Dossier) { onToken(t, d, "sig", 1) }},
		"who signed":               {"approval", func(t *testing.T, d *api.Dossier) { response(d).Token.SignedBy = []string{"bob"} }},
		"that anybody signed":      {"approval", func(t *testing.T, d *api.Dossier) { response(d).Token.SignedBy = nil }},
		"the action": {"token", func(t *testing.T, d *api.Dossier) {
			response(d).Action = eat.ActionNoop
			response(d).Args = []byte("{}")
		}},
		"the arguments": {"token", func(t *testing.T, d *api.Dossier) {
			response(d).Args = []byte(strings.Replace(string(response(d).Args), "4211", "4212", 1))
		}},
		"the reason":            {"token", func(t *testing.T, d *api.Dossier) { response(d).Reason += "x" }},
		"there is no token":     {"token", func(t *testing.T, d *api.Dossier) { response(d).Token = nil }},
		"the token's record":    {"token", func(t *testing.T, d *api.Dossier) { drop(t, d, response(d).Token.ID) }},
		"the approval's record": {"approval", func(t *testing.T, d *api.Dossier) { drop(t, d, response(d).ID+"/alice") }},
		"the approval's document": {"log", func(t *testing.T, d *api.Dossier) {
			r := recordOf(t, d, response(d).ID+"/alice")
			r.Document = flipMiddle(r.Document)
		}},
		"the payload of the receipt":        {"receipt", func(t *testing.T, d *api.Dossier) { onReceipt(t, d, "payload") }},
		"the signature of the receipt":      {"receipt", func(t *testing.T, d *api.Dossier) { onReceipt(t, d, "sig") }},
		"the outcome beside the receipt":    {"receipt", func(t *testing.T, d *api.Dossier) { response(d).Receipts[0].Outcome = eat.OutcomeFailed }},
		"there is no receipt":               {"receipt", func(t *testing.T, d *api.Dossier) { response(d).Receipts = nil }},
		"the receipt's record":              {"receipt", func(t *testing.T, d *api.Dossier) { drop(t, d, s.host.ID+"/") }},
		"the key of the wrapper":            {"wrapper key", func(t *testing.T, d *api.Dossier) { d.Signers[1].Key = hubtest.NewKey(t).Public().String() }},
		"the key of the wrapper is missing": {"receipt", func(t *testing.T, d *api.Dossier) { d.Signers = d.Signers[:1] }},
	} {
		t.Run(name, func(t *testing.T) {
			d := parsed(t, s.bytes)
			before, _ := json.Marshal(d)
			change.mutate(t, d)
			if after, _ := json.Marshal(d); string(after) == string(before) {
				t.Fatal("nothing was changed")
			}
			claims := dossier.Check(d, s.keys)
			if got := verdictsOf(claims); got[change.claim] != dossier.False || dossier.Holds(claims) {
				t.Errorf("%s is %q\n%v", change.claim, got[change.claim], claims)
			}
		})
	}
}

func response(d *api.Dossier) *api.Response { return &d.Alert.Responses[0] }

func onToken(t *testing.T, d *api.Dossier, part string, n int) {
	response(d).Token.Envelope = inEnvelope(t, response(d).Token.Envelope, part, n)
}

func onReceipt(t *testing.T, d *api.Dossier, part string) {
	c := &response(d).Receipts[0]
	c.Envelope = inEnvelope(t, c.Envelope, part, 0)
}

func drop(t *testing.T, d *api.Dossier, prefix string) {
	t.Helper()
	r := recordOf(t, d, prefix)
	for i := range d.Records {
		if d.Records[i].Index == r.Index {
			d.Records = append(d.Records[:i:i], d.Records[i+1:]...)
			return
		}
	}
}

// edit changes the text of a rule.
func edit(t *testing.T, d *api.Dossier, id, old, with string) {
	t.Helper()
	for i := range d.Rules {
		if f := &d.Rules[i]; strings.Contains(f.Text, "id: "+id+"\n") {
			f.Text = strings.Replace(f.Text, old, with, 1)
			return
		}
	}
	t.Fatalf("no rule %s", id)
}

// A rule over several facts is played on those that are here; the chain between
// them is whole, and a batch that is missing shows.
func TestADossierOfManyFacts(t *testing.T) {
	rules := t.TempDir()
	writeRule(t, rules, "three.yaml", threeTouches)
	h := hubtest.New(t, func(c *hub.Config) { c.Rules = rules })
	host := h.Enroll()
	for _, f := range []*fact.Fact{host.Canary("/a"), host.Metric(), host.Canary("/b"), host.Canary("/c")} {
		host.MustSend(f)
	}
	alert := h.WaitAlerts("test.three", 1)[0]
	data := export(t, h, alert.ID)
	keys := dossier.Keys{Trust: h.Trust()}
	claims := dossier.Check(parsed(t, data), keys)
	got := verdictsOf(claims)
	for _, claim := range []string{"signatures", "chain", "facts", "rule", "evaluation"} {
		if got[claim] != dossier.OK {
			t.Errorf("%s is %q\n%v", claim, got[claim], claims)
		}
	}
	d := parsed(t, data)
	if len(d.Batches) != 4 || len(d.Facts) != 3 {
		t.Fatalf("%d batches, %d facts", len(d.Batches), len(d.Facts))
	}
	d.Batches = append(d.Batches[:1:1], d.Batches[2:]...) // the one between, which holds no fact of the alert
	if got := verdictsOf(dossier.Check(d, keys)); got["chain"] != dossier.False {
		t.Errorf("with a batch missing the chain is %q", got["chain"])
	}
	d = parsed(t, data)
	d.Facts[0].Raised, d.Facts[1].Raised = false, false
	if got := verdictsOf(dossier.Check(d, keys)); got["evaluation"] != dossier.NotShown {
		t.Errorf("on one fact of three the evaluation is %q", got["evaluation"])
	}
}

const onceRule = `
id: t.once
title: touched
status: stable
severity: low
on: [canary]
where: canary.path == "PATH"
tests:
  - {name: read, facts: [{kind: canary, canary: {action: read, path: PATH}}], alerts: 1}
  - {name: other, facts: [{kind: canary, canary: {action: read, path: /other}}], alerts: 0}
`

// The rules of an alert are those that ran then, also when others run by now.
func TestADossierHasTheRulesOfItsTime(t *testing.T) {
	rules := t.TempDir()
	write := func(path string) {
		writeRule(t, rules, "once.yaml", strings.ReplaceAll(onceRule, "PATH", path))
	}
	write("/old")
	h := hubtest.New(t, func(c *hub.Config) { c.Rules = rules })
	host := h.Enroll()
	host.MustSend(host.Canary("/old"))
	alert := h.WaitAlerts("t.once", 1)[0]
	write("/new")
	h.Restart()
	d := parsed(t, export(t, h, alert.ID))
	if len(d.Rules) != 1 || !strings.Contains(d.Rules[0].Text, "/old") {
		t.Fatalf("the rules are %+v", d.Rules)
	}
	claims := dossier.Check(d, dossier.Keys{Trust: h.Trust()})
	if got := verdictsOf(claims); got["rule"] != dossier.OK || got["evaluation"] != dossier.OK {
		t.Errorf("%v", claims)
	}
}
