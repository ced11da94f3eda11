package attest_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"picket.internal/api"
	"picket.internal/eat"
	"picket.internal/fact"
	"picket.internal/hub/internal/attest"
)

var (
	ours  = strings.Repeat("a", 64)
	older = strings.Repeat("b", 64)
	evil  = strings.Repeat("e", 64)
)

// scene is a host on which all is well.
func scene() attest.Input {
	files := map[string]string{"file.sensor": ours, "file.sudoers": ours, "file.unit_send_dropin": "absent"}
	effect := maps.Clone(files)
	effect["nonce"], effect["running"], effect["running.7"], effect["running.8"] = "n", "2", ours, ours
	return attest.Input{Nonce: "n", Said: []string{ours}, Pinned: ours, Before: files, Receipt: &eat.Receipt{Outcome: eat.OutcomeDone, Effect: effect}}
}

func TestJudge(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(in *attest.Input)
		verdict string
		found   []string
	}{
		"all is well":   {func(*attest.Input) {}, api.AttestAgrees, nil},
		"the first one": {func(in *attest.Input) { in.Before = nil }, api.AttestAgrees, nil},
		"a sensor that lies": {func(in *attest.Input) {
			in.Receipt.Effect["file.sensor"], in.Receipt.Effect["running.7"], in.Receipt.Effect["running.8"] = evil, evil, evil
			in.Before = nil
		}, api.AttestDisagrees, []string{attest.SensorHash}},
		"a sensor that says nothing":        {func(in *attest.Input) { in.Said = nil }, api.AttestDisagrees, []string{attest.SensorSilent}},
		"an answer to another question":     {func(in *attest.Input) { in.Receipt.Effect["nonce"] = "m" }, api.AttestDisagrees, []string{attest.WrongNonce}},
		"an answer to none":                 {func(in *attest.Input) { delete(in.Receipt.Effect, "nonce") }, api.AttestDisagrees, []string{attest.WrongNonce}},
		"another image in memory":           {func(in *attest.Input) { in.Receipt.Effect["running.8"] = evil }, api.AttestDisagrees, []string{attest.Running}},
		"an image that cannot be read":      {func(in *attest.Input) { in.Receipt.Effect["running.8"] = "unreadable: x" }, api.AttestDisagrees, []string{attest.Running}},
		"a process that has ended":          {func(in *attest.Input) { in.Receipt.Effect["running.8"] = "absent" }, api.AttestAgrees, nil},
		"facts from elsewhere":              {func(in *attest.Input) { delete(in.Receipt.Effect, "running.7"); delete(in.Receipt.Effect, "running.8") }, api.AttestDisagrees, []string{attest.NotRunning}},
		"no sensor there":                   {func(in *attest.Input) { in.Receipt.Effect["file.sensor"] = "absent" }, api.AttestDisagrees, []string{attest.SensorHash, attest.Changed}},
		"sudoers changed":                   {func(in *attest.Input) { in.Receipt.Effect["file.sudoers"] = evil }, api.AttestChanged, []string{attest.Changed}},
		"a part of a unit came":             {func(in *attest.Input) { in.Receipt.Effect["file.unit_send_dropin"] = "a folder" }, api.AttestChanged, []string{attest.Changed}},
		"sudoers changed with a package":    {func(in *attest.Input) { in.Receipt.Effect["file.sudoers"] = evil; in.Upgraded = true }, api.AttestAgrees, nil},
		"a file that was not told before":   {func(in *attest.Input) { in.Receipt.Effect["file.new"] = evil }, api.AttestAgrees, nil},
		"upgraded and restarted":            {upgraded(ours, ours), api.AttestAgrees, nil},
		"upgraded and not restarted":        {upgraded(older, older), api.AttestRestart, nil},
		"upgraded and restarted by half":    {upgraded(older, ours), api.AttestRestart, nil},
		"upgraded, and something else runs": {upgraded(older, evil), api.AttestDisagrees, []string{attest.Running}},
		"replaced without a package": {func(in *attest.Input) { upgraded(older, older)(in); in.Upgraded = false }, api.AttestChanged,
			[]string{attest.Changed}},
		"during an upgrade the sensor says both": {func(in *attest.Input) { in.Said = []string{older, ours} }, api.AttestAgrees, nil},
		"refused": {func(in *attest.Input) {
			in.Receipt = &eat.Receipt{Outcome: eat.OutcomeRefused, Refusal: "policy.action_not_allowed", Detail: "attest"}
		}, api.AttestRefused, []string{attest.Refused}},
	} {
		t.Run(name, func(t *testing.T) {
			in := scene()
			c.change(&in)
			got := attest.Judge(in)
			var found []string
			for _, f := range got.Findings {
				found = append(found, f.ID)
				if i := f.Fact(); i.Action != fact.IntegrityMismatch || !strings.HasPrefix(i.Detail, f.ID) {
					t.Errorf("the fact is %+v", i)
				}
			}
			if got.Verdict != c.verdict || !slices.Equal(found, c.found) {
				t.Errorf("%s, %v; want %s, %v (notes %q)", got.Verdict, got.Findings, c.verdict, c.found, got.Notes)
			}
			if got.Verdict == api.AttestRestart && !strings.Contains(strings.Join(got.Notes, " "), "still runs") {
				t.Errorf("notes %q", got.Notes)
			}
		})
	}
}

// upgraded has a package replace the sensor of before, while these images run.
func upgraded(images ...string) func(*attest.Input) {
	return func(in *attest.Input) {
		in.Before["file.sensor"], in.Upgraded, in.Pinned = older, true, ""
		in.Receipt.Effect["running.7"], in.Receipt.Effect["running.8"] = images[0], images[1]
	}
}
