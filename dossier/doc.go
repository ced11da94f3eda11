// Package dossier checks what an alert claims, for somebody who has only public
// keys: which host signed the facts, that the rule as it was raises the alert on
// them, which tokens were made of it, who approved those, and what the wrapper on
// the host says it did.
//
// A claim is shown, or not shown, or false. What is not signed, proved or
// computed anew is never shown: that the hub says it is no proof. The package
// talks to nobody, reads no files and no clock. A dossier may be made by an
// enemy: its size and depth are bounded before it is parsed, and no claim may be
// called shown because something in it could not be read.
package dossier

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"picket.internal/api"
	"picket.internal/eat"
	"picket.internal/envelope"
	"picket.internal/strictjson"
)

// What came of a claim.
const (
	OK       = "ok"        // shown
	NotShown = "not shown" // neither shown nor false
	False    = "FALSE"     // contradicted, or what must be there is not
)

// Claim is one thing that the dossier says, and whether it holds.
type Claim struct {
	// Verdict is ok, not shown or FALSE.
	Verdict string `json:"verdict"`
	// Claim names it in a word or two, as in "receipt".
	Claim string `json:"claim"`
	// Detail says what was found, or what is wrong. It may quote the dossier:
	// escape it before showing it.
	Detail string `json:"detail"`
}

// Keys is whom to believe. It must come from elsewhere than the dossier.
type Keys struct {
	// Trust names the hub's keys, the log's, and the operators'.
	Trust *eat.TrustStore
	// Hosts are keys of sensors, and of the hub's own statements, that were had
	// from there. Where there are any, no others are believed. Without, the log's
	// record of the enrolment binds a key.
	Hosts []envelope.PublicKey
	// Wrappers are keys of wrappers, likewise.
	Wrappers []envelope.PublicKey
}

// limits bound a dossier. The names of an alert's values are texts of CEL, hence
// their length; a string may be a whole batch in base64.
var limits = strictjson.Limits{Bytes: api.MaxDossier, Depth: 24, Name: 16 << 10, String: api.MaxDossierBatchBytes * 4 / 3, Items: 10_000}

// Parse reads a dossier. It checks the form alone: nothing in it is believed.
func Parse(data []byte) (*api.Dossier, error) {
	d := new(api.Dossier)
	// What a newer hub says more of an alert is passed over: it is not shown.
	if err := strictjson.Decode(data, limits, d, func(string) {}); err != nil {
		return nil, fmt.Errorf("reading a dossier: %w", err)
	}
	switch {
	case d.Format != api.DossierFormat:
		return nil, fmt.Errorf("reading a dossier: the format is %.80q, and this program reads %q", d.Format, api.DossierFormat)
	case len(d.Batches) > api.MaxDossierBatches:
		return nil, fmt.Errorf("reading a dossier: %d batches where %d are allowed", len(d.Batches), api.MaxDossierBatches)
	case len(d.Records) > api.MaxDossierRecords:
		return nil, fmt.Errorf("reading a dossier: %d records of the log where %d are allowed", len(d.Records), api.MaxDossierRecords)
	case len(d.Consistency) > api.MaxDossierRecords:
		return nil, fmt.Errorf("reading a dossier: %d proofs of consistency where %d are allowed", len(d.Consistency), api.MaxDossierRecords)
	}
	return d, nil
}

// Holds reports whether none of the claims is false.
func Holds(claims []Claim) bool {
	for _, c := range claims {
		if c.Verdict == False {
			return false
		}
	}
	return true
}

// Check checks everything that a dossier claims, and returns a claim for each
// thing, in the order of reading.
func Check(d *api.Dossier, keys Keys) []Claim {
	c := &checker{d: d, keys: keys, records: map[string][]record{}, batches: map[batchID]*batch{}}
	c.hub()
	c.log()
	c.signers()
	c.openBatches()
	c.chain()
	c.facts()
	c.rule()
	c.responses()
	c.say(NotShown, "hub's word", "the number, state, count and times of storing of the alert are what the hub says, and that it led to nothing else")
	return c.claims
}

type checker struct {
	d      *api.Dossier
	keys   Keys
	claims []Claim

	tree    tlog.Tree           // of the checkpoint; empty where that is not the log's
	records map[string][]record // that the log is shown to hold, by type and id
	hosts   []signer
	wrapper []signer
	batches map[batchID]*batch
	raised  []*placed // facts that raised the alert, as they were received
}

// say adds a claim.
func (c *checker) say(verdict, claim, format string, args ...any) {
	c.claims = append(c.claims, Claim{Verdict: verdict, Claim: claim, Detail: fmt.Sprintf(format, args...)})
}

func (c *checker) hub() {
	if c.d.Hub != c.keys.Trust.Hub {
		c.say(False, "hub", "the dossier is of the hub %.80q, the trust store of %q", c.d.Hub, c.keys.Trust.Hub)
		return
	}
	c.say(OK, "hub", "%s, as the trust store says", c.d.Hub)
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
