package fuzz

import (
	"bytes"
	"testing"

	"picket.internal/policies"
	"picket.internal/wire"
)

// FuzzOrders: a question for orders is refused, with nothing returned, or says
// the same when written again.
func FuzzOrders(f *testing.F) {
	good, err := (&wire.Orders{Host: wire.NewHostID(), Boot: "3f1f7a52-6f0e-4d0b-9c7e-0d8f5a1b2c3d", Seen: 1 << 40}).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(bytes.Replace(good, []byte(`"v":1`), []byte(`"v":1.0`), 1))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := wire.ParseOrders(data)
		if err != nil {
			if o != nil {
				t.Fatalf("refused (%v), and returned all the same", err)
			}
			return
		}
		again, err := o.Encode()
		if err != nil {
			t.Fatalf("cannot be written again: %v", err)
		}
		if p, err := wire.ParseOrders(again); err != nil || *p != *o {
			t.Fatalf("%+v became %+v, %v", o, p, err)
		}
	})
}

// FuzzPolicy: a policy is refused, with nothing returned, or none of its actions
// has more freedom than it has itself.
func FuzzPolicy(f *testing.F) {
	f.Add([]byte("name: x\ntitle: X\non: {rules: [canary.read]}\nmode: ask\nactions: [{action: suspend_process, mode: auto}]\n"))
	f.Add([]byte("name: x\ntitle: X\non: {severity: high}\nmode: dry_run\nlimits: {hours: 22:00-06:00, share: 10}\nactions: [{action: isolate_network, allow: [10.0.0.0/8], lifetime: 1h}]\n"))
	f.Add([]byte("a: &a [*a]\n"))
	order := map[string]int{policies.DryRun: 0, policies.Ask: 1, policies.Auto: 2}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := policies.Parse("x.yaml", data)
		if err != nil {
			if p != nil {
				t.Fatalf("refused (%v), and returned all the same", err)
			}
			return
		}
		for _, a := range p.Actions {
			if order[a.Mode] > order[p.Mode] {
				t.Fatalf("%s has mode %s in a policy of mode %s", a.Name, a.Mode, p.Mode)
			}
		}
	})
}
