package terminal

import "picket.internal/api"

// Attestation prints what a host's wrapper last said of its sensor, and what the
// hub makes of it; nil is one that was never asked.
func (p *Printer) Attestation(a *api.Attestation) error {
	d := &detail{p: p}
	word, s := attestWord(a)
	d.WriteString(p.row(cell{text: "Attested", width: labelWidth}, cell{text: word, style: s, whole: true}))
	if a != nil {
		if !a.At.IsZero() {
			d.facts("", p.full(a.At))
		}
		if a.Asked.After(a.At) {
			d.facts("", "asked again "+p.full(a.Asked)+", and not answered yet")
		}
		for _, f := range a.Findings {
			d.facts("found", f)
		}
		for _, n := range a.Notes {
			d.facts("note", n)
		}
	}
	return p.write(d.String() + "\n")
}

func attestWord(a *api.Attestation) (string, style) {
	if a == nil || a.Verdict == "" {
		return "not yet: nothing but the sensor's own word says what it is", warning
	}
	switch a.Verdict {
	case api.AttestAgrees:
		return "the wrapper finds what the sensor says", good
	case api.AttestRestart:
		return "the wrapper finds what the sensor says; an upgraded sensor is still to be restarted", warning
	case api.AttestChanged:
		return "the wrapper finds the sensor that it says it is, and A FILE THAT CHANGED", bad
	case api.AttestDisagrees:
		return "THE WRAPPER CONTRADICTS THE SENSOR", bad
	case api.AttestRefused:
		return "REFUSED by the wrapper", bad
	case api.AttestNoAnswer:
		return "NO ANSWER in time", bad
	}
	return a.Verdict, warning
}
