package terminal

import (
	"fmt"
	"strings"

	"picket.internal/report"
)

// Techniques prints a table of techniques with the rules that look for them,
// or one document each. asked says whether hosts were.
func (p *Printer) Techniques(techniques []report.Technique, asked bool) error {
	t := table{header: []string{"TECHNIQUE", "RULE", "TESTED", "FACTS", "HOSTS"}, cut: []int{3, 1}}
	for i := range techniques {
		tech := &techniques[i]
		if p.o.JSON {
			if err := p.Document(tech); err != nil {
				return err
			}
			continue
		}
		for k := range tech.Rules {
			t.rows = append(t.rows, techniqueRow(tech, k, asked))
		}
	}
	if p.o.JSON || len(t.rows) == 0 {
		return nil
	}
	return p.write(p.table(&t))
}

func techniqueRow(t *report.Technique, i int, asked bool) []cell {
	r := &t.Rules[i]
	id := ""
	if i == 0 {
		id = t.ID
	}
	tested, hosts := cell{text: "yes"}, cell{text: "not asked", style: faint}
	if !r.Tested {
		tested = cell{text: "NO", style: warning}
	}
	switch {
	case asked && r.Blind:
		hosts = cell{text: "BLIND", style: bad}
	case asked:
		hosts = cell{text: fmt.Sprint(len(r.Hosts))}
	}
	return []cell{{text: id}, {text: r.ID}, tested, {text: strings.Join(r.Kinds, " ")}, hosts}
}
