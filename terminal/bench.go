package terminal

import (
	"fmt"
	"strings"
)

// RuleCost is what one rule cost over the facts of a measurement.
type RuleCost struct {
	Rule string `json:"rule"`
	// NS is how long one fact took, on average over those of its kinds. Unit: nanoseconds.
	NS float64 `json:"ns_per_fact"`
	// Estimate is the most that its condition can cost, Cost what it did cost at
	// most, both in the units of CEL.
	Estimate uint64 `json:"estimate"`
	Cost     uint64 `json:"cost"`
	Facts    int    `json:"facts"`
	Matches  int    `json:"matches"`
	Errors   int    `json:"errors"`
	// Indexed is true where an index finds the rule, By what it is found by, Why
	// why it is shown every fact where it is not.
	Indexed bool     `json:"indexed"`
	By      []string `json:"by,omitempty"`
	Why     string   `json:"why,omitempty"`
}

// RuleCosts prints a table of the dearest rules, or one document each for all.
func (p *Printer) RuleCosts(costs []RuleCost, most int) error {
	t := table{header: []string{"RULE", "NS A FACT", "COST", "ESTIMATE", "FOUND BY"}, cut: []int{4, 0}}
	for i := range costs {
		c := &costs[i]
		if p.o.JSON {
			if err := p.Document(c); err != nil {
				return err
			}
			continue
		}
		if i == most {
			break
		}
		by := cell{text: strings.Join(c.By, ", ")}
		if !c.Indexed {
			by = cell{text: "every fact: " + c.Why, style: warning}
		}
		t.rows = append(t.rows, []cell{{text: c.Rule}, {text: fmt.Sprintf("%.0f", c.NS), right: true},
			{text: number(int64(c.Cost)), right: true}, {text: number(int64(c.Estimate)), right: true}, by})
	}
	if p.o.JSON || len(t.rows) == 0 {
		return nil
	}
	return p.write(p.table(&t))
}
