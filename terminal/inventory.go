package terminal

import (
	"iter"

	"picket.internal/api"
	"picket.internal/display/sentence"
	"picket.internal/fact"
)

// Inventories prints a table of a host's inventories, or one document each. It
// returns how many there were.
func (p *Printer) Inventories(all iter.Seq2[api.Inventory, error]) (n int, err error) {
	t := table{header: []string{"INVENTORY", "ENTITIES", "STATE", "AGREED", "CHANGED", "NOT TOLD"}, cut: []int{5}}
	for i, err := range all {
		if err != nil {
			return n, err
		}
		n++
		if p.o.JSON {
			if err := p.Document(&i); err != nil {
				return n, err
			}
			continue
		}
		t.rows = append(t.rows, p.inventoryRow(&i))
	}
	if p.o.JSON || n == 0 {
		return n, nil
	}
	return n, p.write(p.table(&t))
}

func (p *Printer) inventoryRow(i *api.Inventory) []cell {
	state := cell{text: i.State}
	switch i.State {
	case api.InventoryInStep:
		state = cell{text: "in step", style: good}
	case api.InventoryDiffers:
		state = cell{text: "differs since " + p.ago(i.Wanted), style: warning}
	}
	missing := ""
	if i.Omitted > 0 {
		missing = number(i.Omitted) + ": " + i.Reason
	}
	return []cell{
		{text: i.Kind}, {text: number(i.Count), right: true}, state, {text: p.ago(i.Agreed)}, {text: p.ago(i.Changed)},
		{text: missing, style: warning},
	}
}

// Entities prints what is in an inventory, one line or one document each. It
// returns how many there were.
func (p *Printer) Entities(all iter.Seq2[api.Entity, error]) (n int, err error) {
	for e, err := range all {
		if err != nil {
			return n, err
		}
		n++
		if p.o.JSON {
			err = p.Document(&e)
		} else {
			err = p.entity(&e)
		}
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

func (p *Printer) entity(e *api.Entity) error {
	words := "an entity that this program cannot read"
	if f, err := fact.FromState(fact.Kind(e.Kind), e.State, ""); err == nil {
		words = sentence.Fact(f)
	}
	return p.write(p.row(cell{text: p.when(e.Changed), width: clockWidth}, cell{text: words, width: max(p.columns()-clockWidth-gap, minText)}))
}
