package terminal

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"picket.internal/api"
)

// Responses prints a table of responses, or one document each. It returns how
// many there were.
func (p *Printer) Responses(all iter.Seq2[api.Response, error]) (n int, err error) {
	t := table{header: []string{"MADE", "STATE", "ACTION", "HOST", "BY", "WHY", "ID"}, cut: []int{5, 3, 4}}
	for r, err := range all {
		if err != nil {
			return n, err
		}
		n++
		if p.o.JSON {
			if err := p.Document(&r); err != nil {
				return n, err
			}
			continue
		}
		t.rows = append(t.rows, []cell{{text: p.when(r.Created)}, {text: strings.ToUpper(r.State), style: responseStyle(r.State)}, {text: r.Action},
			{text: hostName(r.Host), path: true}, {text: asker(&r), style: askerStyle(&r)}, {text: r.Why}, {text: r.ID, whole: true}})
	}
	if p.o.JSON || n == 0 {
		return n, nil
	}
	return n, p.write(p.table(&t))
}

// asker is who asked for it.
func asker(r *api.Response) string {
	switch {
	case r.BreakGlass != "":
		return "BREAK-GLASS"
	case r.Policy != "":
		return r.Policy
	}
	if r.DecidedBy == api.ByHub {
		return "the hub"
	}
	return "a person"
}

func askerStyle(r *api.Response) style {
	if r.BreakGlass != "" {
		return bad
	}
	return plain
}

func responseStyle(state string) style {
	switch state {
	case api.ResponseWaiting:
		return warning
	case api.ResponseRefused, api.ResponseFailed, api.ResponseNoReceipt, api.ResponseUnknown, api.ResponseExpired:
		return bad
	case api.ResponseDone:
		return good
	case api.ResponseIssued, api.ResponseDelivered, api.ResponseQueued:
		return calm
	}
	return plain
}

// ShowResponse prints all there is to know about one response; nothing is cut.
// words say what its token means, a line each.
func (p *Printer) ShowResponse(r *api.Response, words []string) error {
	if p.o.JSON {
		return p.Document(r)
	}
	d := &detail{p: p}
	p.responseLines(d, r)
	if len(words) > 0 {
		d.WriteString("\nWhat the token says\n")
		for _, w := range words {
			d.WriteString("  " + p.row(cell{text: w, whole: true}))
		}
	}
	return p.write(d.String())
}

func (p *Printer) responseLines(d *detail, r *api.Response) {
	d.WriteString(p.row(cell{text: strings.ToUpper(r.State), style: responseStyle(r.State), whole: true},
		cell{text: r.Action + " on " + hostName(r.Host), style: strong, whole: true}))
	need := ""
	if r.Signatures > 0 {
		need = fmt.Sprint(r.Signatures)
	}
	if r.BreakGlass != "" {
		d.WriteString(p.row(cell{text: "BREAK-GLASS by " + r.DecidedBy + ": " + r.BreakGlass, style: bad, whole: true}))
	}
	d.facts("Why", r.Why, "Args", string(r.Args), "Host", join(r.Host.Name, r.Host.ID), "Policy", join(r.Policy, r.Title), "Mode", r.Mode, "Reason", r.Reason,
		"Alerts", strings.Join(r.Alerts, " "), "Undoes", r.Undoes, "Signers", need, "Decided", r.DecidedBy, "Made", p.full(r.Created), "ID", r.ID)
	if t := r.Token; t != nil {
		fetched := ""
		if !t.Delivered.IsZero() {
			fetched = p.full(t.Delivered)
		}
		d.facts("Token", t.ID, "", "sha256 "+t.SHA256, "", fmt.Sprintf("record %d of the hub's log", t.Entry), "until", p.full(t.Expires), "signed", strings.Join(t.SignedBy, " "), "fetched", fetched)
	}
	if e := r.Evidence; e != nil {
		d.facts("Evidence", evidenceState(e), "", e.Why, "", fmt.Sprintf("%s bytes, sha256 %s", number(e.Bytes), e.SHA256))
	}
	for _, c := range r.Receipts {
		d.facts("Receipt", join(c.Outcome, c.Refusal, c.Detail), "", fmt.Sprintf("number %d of the wrapper, %s", c.Seq, p.full(c.Time)))
		if !c.LeaseEnd.IsZero() {
			d.facts("ends", p.full(c.LeaseEnd))
		}
		for _, name := range slices.Sorted(maps.Keys(c.Effect)) {
			d.facts("proof", name+" "+c.Effect[name])
		}
	}
}

// evidenceState says in words how much of a bundle is at the hub.
func evidenceState(e *api.Evidence) string {
	switch e.State {
	case api.EvidenceComing, api.EvidenceArrived:
		return fmt.Sprintf("coming: %d of %d chunks are here", e.Have, e.Chunks)
	case api.EvidenceWhole:
		return "here, and as the wrapper has signed it"
	case api.EvidenceMismatch:
		return "MISMATCH: dropped"
	case api.EvidenceKept:
		return "kept on the host"
	case api.EvidencePruned:
		return "no longer here"
	}
	return e.State
}

// Policies prints a table of response policies, or one document each.
func (p *Printer) Policies(all iter.Seq2[api.Policy, error]) (n int, err error) {
	t := table{header: []string{"POLICY", "MODE", "ACTIONS", "RESPONSES", "TITLE"}, cut: []int{4, 2}}
	for r, err := range all {
		if err != nil {
			return n, err
		}
		n++
		if p.o.JSON {
			if err := p.Document(&r); err != nil {
				return n, err
			}
			continue
		}
		s := plain
		if r.Mode == "auto" {
			s = warning
		}
		t.rows = append(t.rows, []cell{{text: r.Name}, {text: r.Mode, style: s}, {text: strings.Join(r.Actions, ", ")}, {text: number(r.Responses), right: true}, {text: r.Title}})
	}
	if p.o.JSON || n == 0 {
		return n, nil
	}
	return n, p.write(p.table(&t))
}

// Operators prints a table of operators, or one document each.
func (p *Printer) Operators(all iter.Seq2[api.Operator, error]) (n int, err error) {
	t := table{header: []string{"OPERATOR", "KEY"}, cut: []int{0}}
	for o, err := range all {
		if err != nil {
			return n, err
		}
		n++
		if p.o.JSON {
			if err := p.Document(&o); err != nil {
				return n, err
			}
			continue
		}
		t.rows = append(t.rows, []cell{{text: o.Name}, {text: o.Key, whole: true}})
	}
	if p.o.JSON || n == 0 {
		return n, nil
	}
	return n, p.write(p.table(&t))
}

// Lines prints text lines as they are, escaped.
func (p *Printer) Lines(lines ...string) error {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(p.row(cell{text: l, whole: true}))
	}
	return p.write(b.String())
}

// Ask tells the person a question, on standard error and without a newline.
func (p *Printer) Ask(question string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprint(p.o.Err, question)
}
