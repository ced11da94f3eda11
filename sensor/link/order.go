package link

import (
	"errors"
	"fmt"

	"picket.internal/fact"
	"picket.internal/sensor/watch"
)

// An order is on the wire: whether the inventory is fresh (1 byte, 0 or 1),
// the length of its kind's name (1 byte), the name, and for each entity that
// the hub holds its key (8 bytes) and its state (8 bytes).

func parseOrder(body []byte) (*watch.Order, error) {
	if len(body) < 3 || body[0] > 1 || body[1] < 1 || body[1] > maxKind || len(body) < 2+int(body[1]) {
		return nil, fmt.Errorf("%w: an order of %d bytes without an inventory", ErrMalformed, len(body))
	}
	name, held := body[2:2+body[1]], body[2+int(body[1]):]
	if len(held)%heldLen != 0 || len(held)/heldLen > maxHeld {
		return nil, fmt.Errorf("%w: an order with %d bytes of entities", ErrMalformed, len(held))
	}
	r := &watch.Resync{Of: fact.Kind(name), Fresh: body[0] == 1}
	if n := len(held) / heldLen; n > 0 {
		r.Held = make([]watch.Held, n)
	}
	for i := range r.Held {
		e := held[i*heldLen:]
		r.Held[i] = watch.Held{Key: [8]byte(e[:8]), State: [8]byte(e[8:16])}
	}
	return &watch.Order{Resync: r}, nil
}

func appendOrder(dst []byte, o *watch.Order) ([]byte, error) {
	r := o.Resync
	switch {
	case r == nil:
		return dst, errors.New("an order that asks for nothing")
	case len(r.Of) < 1 || len(r.Of) > maxKind:
		return dst, fmt.Errorf("an order for an inventory with a name of %d bytes", len(r.Of))
	case len(r.Held) > maxHeld:
		return dst, fmt.Errorf("an order with %d entities, over the bound of %d", len(r.Held), maxHeld)
	}
	fresh := byte(0)
	if r.Fresh {
		fresh = 1
	}
	dst = append(dst, fresh, byte(len(r.Of)))
	dst = append(dst, r.Of...)
	for i := range r.Held {
		dst = append(dst, r.Held[i].Key[:]...)
		dst = append(dst, r.Held[i].State[:]...)
	}
	return dst, nil
}
