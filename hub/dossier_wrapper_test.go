package hub_test

import (
	"strings"
	"testing"

	"picket.internal/api"
	"picket.internal/dossier"
	"picket.internal/eat"
	"picket.internal/envelope"
	"picket.internal/hub"
	"picket.internal/hub/hubtest"
)

// A wrapper that is installed anew has another key. What the one before has
// signed stays shown, by the key that it had then, and by no other.
func TestADossierOfAReplacedWrapper(t *testing.T) {
	policy := t.TempDir()
	writeRule(t, policy, "test.yaml", suspend)
	h := hubtest.New(t, func(c *hub.Config) { c.Policies = policy })
	host := h.Enroll()
	w := host.Wrapper()
	first, between := w.Key, hubtest.NewKey(t)
	told := func(key envelope.PrivateKey) {
		h.Post(t, api.PathHosts+"/"+host.ID+"/set", api.HostSetting{WrapperKey: key.Public().String()}, nil)
	}
	told(between)
	told(first)
	host.MustSend(touched(host, 4211))
	if r, err := w.Next(); err != nil || r.Outcome != eat.OutcomeDone {
		t.Fatalf("%+v, %v", r, err)
	}
	r := awaitStates(t, h, api.ResponseDone)[0]
	second := hubtest.NewKey(t)
	told(second)
	w.Key, w.Seq, w.Prev = second, 0, eat.FirstPrev
	ended := &eat.Receipt{Host: host.ID, Boot: hubtest.Boot, Outcome: eat.OutcomeAutoUndone, Started: r.Created, Wrapper: "test",
		Token: r.Token.ID, TokenSHA256: r.Token.SHA256, Action: r.Action}
	if _, err := w.Send(w.Seal(ended)); err != nil {
		t.Fatal(err)
	}
	alert := h.WaitAlerts("canary.read", 1)[0]
	data, keys := export(t, h, alert.ID), dossier.Keys{Trust: h.Trust()}
	d := parsed(t, data)
	if n := len(d.Signers); n != 3 { // the sensor, and two keys of the wrapper; the one between signed nothing
		t.Errorf("%d signers: %+v", n, d.Signers)
	}
	claims := dossier.Check(d, keys)
	if shown := detailsOf(claims, "receipt", dossier.OK); len(shown) != 2 || !dossier.Holds(claims) {
		t.Errorf("both receipts are to be shown: %v", claims)
	}
	for name, c := range map[string]struct {
		change func(d *api.Dossier)
		want   string
	}{
		// The log as it would be had the hub taken it behind the end of its key.
		"by a key that was replaced by then": {func(d *api.Dossier) { dropWrapperKey(t, d, 2) }, between.Public().ID()},
		"before its key was told of":         {func(d *api.Dossier) { dropWrapperKey(t, d, 0); dropWrapperKey(t, d, 0); dropWrapperKey(t, d, 0) }, "no key"},
		"by the key that came later": {func(d *api.Dossier) {
			for i := range d.Signers {
				if d.Signers[i].Key == first.Public().String() {
					d.Signers = append(d.Signers[:i:i], d.Signers[i+1:]...)
					return
				}
			}
		}, "receipt.bad_signature"},
	} {
		d := parsed(t, data)
		c.change(d)
		if got := detailsOf(dossier.Check(d, keys), "receipt", dossier.False); len(got) != 1 || !strings.Contains(got[0], c.want) {
			t.Errorf("%s: %q, want %s", name, got, c.want)
		}
	}
}

func detailsOf(claims []dossier.Claim, claim, verdict string) (out []string) {
	for _, c := range claims {
		if c.Claim == claim && c.Verdict == verdict {
			out = append(out, c.Detail)
		}
	}
	return out
}

// dropWrapperKey leaves record n of the keys of a wrapper out.
func dropWrapperKey(t *testing.T, d *api.Dossier, n int) {
	t.Helper()
	for i := range d.Records {
		if strings.HasPrefix(d.Records[i].Record, `{"id":"host.wrapper_key/`) {
			if n--; n < 0 {
				d.Records = append(d.Records[:i:i], d.Records[i+1:]...)
				return
			}
		}
	}
	t.Fatal("there is no such record")
}
