package eat_test

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"picket.internal/eat"
	"picket.internal/eat/eattest"
)

// seenReceipt is a receipt of a host that saw the kit's log, signed by a key.
func seenReceipt(t *testing.T) (r eat.Receipt, tree tlog.Tree, note []byte, key string) {
	t.Helper()
	tree = eattest.NewHub(t).Tree(t)
	note, key = checkpoint(t, tree, eattest.LogName, eattest.LogKey), vkey(t, eattest.LogKey)
	r = newReceipt()
	r.Saw(tree.N, string(note), key)
	return r, tree, note, key
}

// What the host saw of the log comes back out of its receipt byte for byte, so
// that the hub cannot deny it; what others signed beside it is left out.
func TestAReceiptHoldsTheCheckpoint(t *testing.T) {
	r, tree, note, key := seenReceipt(t)
	if got, again, err := r.Seen(key); err != nil || got != tree || string(again) != string(note) {
		t.Errorf("%v, %q, %v; want %q", got, again, err, note)
	}
	if opened, err := eat.OpenCheckpoint(note, key); err != nil || opened != tree {
		t.Error(opened, err)
	}
	witnessed := newReceipt()
	witnessed.Saw(tree.N, string(note)+"\u2014 witness.example AAAAAAAA\n", key)
	if !maps.Equal(witnessed.Effect, r.Effect) {
		t.Errorf("with a witness beside it: %v", witnessed.Effect)
	}
}

// A wrapper tells the size alone of what the log's key has not signed, nothing of
// a log that it never saw, and never more effects than a receipt may have.
func TestAReceiptOfLessThanACheckpoint(t *testing.T) {
	r, tree, note, key := seenReceipt(t)
	full := newReceipt()
	for i := range 64 - len(full.Effect) {
		full.Effect[fmt.Sprintf("n%d", i)] = ""
	}
	for what, c := range map[string]struct {
		receipt eat.Receipt
		records int64
		note    string
		key     string
		want    int64
		effects int
	}{
		"no log yet":          {newReceipt(), 0, "", key, 0, 2},
		"another key":         {newReceipt(), tree.N, string(note), vkey(t, eattest.HubKey), tree.N, 3},
		"another size":        {newReceipt(), tree.N + 1, string(note), key, tree.N + 1, 3},
		"no room":             {full, tree.N, string(note), key, 0, 64},
		"no effects":          {eat.Receipt{}, tree.N, string(note), key, tree.N, 3},
		"an older wrapper's":  {newReceipt(), tree.N, "", key, tree.N, 3},
		"all of a checkpoint": {newReceipt(), tree.N, string(note), key, tree.N, len(r.Effect)},
	} {
		c.receipt.Saw(c.records, c.note, c.key)
		got, again, err := c.receipt.Seen(key)
		if err != nil || got.N != c.want || len(c.receipt.Effect) != c.effects || (again != nil) != (got.Hash != tlog.Hash{}) {
			t.Errorf("%s: %v, %q, %v of %d effects", what, got, again, err, len(c.receipt.Effect))
		}
	}
}

// What a receipt says of the log is whole, in one spelling and signed by the
// log, or refused.
func TestThreat_H10_WhatAReceiptSaysOfTheLog(t *testing.T) {
	_, tree, _, key := seenReceipt(t)
	for what, c := range map[string]struct {
		change func(e map[string]string)
		want   *eat.Refusal
	}{
		"no hash":             {func(e map[string]string) { delete(e, eat.EffectLogHash) }, eat.ErrReceipt},
		"no signature":        {func(e map[string]string) { delete(e, eat.EffectLogSignature) }, eat.ErrReceipt},
		"no size":             {func(e map[string]string) { delete(e, eat.EffectLogSize) }, eat.ErrReceipt},
		"a size of 0":         {func(e map[string]string) { e[eat.EffectLogSize] = "0" }, eat.ErrReceipt},
		"a size below":        {func(e map[string]string) { e[eat.EffectLogSize] = "-3" }, eat.ErrReceipt},
		"a size with a sign":  {func(e map[string]string) { e[eat.EffectLogSize] = "+3" }, eat.ErrReceipt},
		"a size too large":    {func(e map[string]string) { e[eat.EffectLogSize] = "9223372036854775808" }, eat.ErrReceipt},
		"no size but a word":  {func(e map[string]string) { e[eat.EffectLogSize] = "3\n" }, eat.ErrReceipt},
		"a short hash":        {func(e map[string]string) { e[eat.EffectLogHash] = "AAAA" }, eat.ErrReceipt},
		"another size":        {func(e map[string]string) { e[eat.EffectLogSize] = fmt.Sprint(tree.N + 1) }, eat.ErrBadCheckpoint},
		"another hash":        {func(e map[string]string) { e[eat.EffectLogHash] = tlog.Hash{}.String() }, eat.ErrBadCheckpoint},
		"another's signature": {func(e map[string]string) { e[eat.EffectLogSignature] = strings.Repeat("A", 92) }, eat.ErrBadCheckpoint},
		"no base64":           {func(e map[string]string) { e[eat.EffectLogSignature] = "!" }, eat.ErrBadCheckpoint},
		"an empty signature":  {func(e map[string]string) { e[eat.EffectLogSignature] = "" }, eat.ErrBadCheckpoint},
		"a second signature": {func(e map[string]string) {
			e[eat.EffectLogSignature] += "\n\u2014 " + eattest.LogName + " " + e[eat.EffectLogSignature]
		}, eat.ErrBadCheckpoint},
	} {
		r, _, _, _ := seenReceipt(t)
		c.change(r.Effect)
		if got, note, err := r.Seen(key); !errors.Is(err, c.want) || got != (tlog.Tree{}) || note != nil {
			t.Errorf("%s: %v, %q, %v", what, got, note, err)
		}
	}
	r, _, _, _ := seenReceipt(t)
	for what, key := range map[string]string{"another key": vkey(t, eattest.HubKey), "no key": "log"} {
		if _, note, err := r.Seen(key); !errors.Is(err, eat.ErrBadCheckpoint) || note != nil {
			t.Errorf("by %s: %q, %v", what, note, err)
		}
	}
}
