package watch

import "picket.internal/fact"

// Order is what the hub asks of the watching side. It comes through the sender
// and is as trustworthy as that: an order may make a collector look or tell
// again, and never more.
type Order struct {
	// Resync asks for an inventory; nil where the order is another one.
	Resync *Resync
}

// Resync tells what the hub holds of an inventory, and asks for the difference.
type Resync struct {
	// Of is the inventory.
	Of fact.Kind
	// Fresh is true where the hub has never held it: what there is is then
	// told as seen and not as added.
	Fresh bool
	// Held is what the hub holds, in no order.
	Held []Held
}

// Held is one entity as the hub holds it.
type Held struct {
	// Key is the first 8 bytes of the SHA-256 of its key.
	Key [8]byte
	// State is the first 8 bytes of its sum. See fact.Entity.
	State [8]byte
}

// Obeyer is a Collector that takes orders. Obey never blocks: what it cannot
// take now it forgets, and the hub asks again.
type Obeyer interface {
	Obey(Order)
}
