package merkle_test

import (
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"picket.internal/eat/merkle"
)

// A tree of an earlier size is what the log was then, and every later one is
// shown to extend it.
func TestEveryTreeExtendsTheOnesBefore(t *testing.T) {
	var tree merkle.Tree
	before := map[int64]tlog.Hash{}
	for i := range int64(40) {
		if _, err := tree.Append([]byte{byte(i)}); err != nil {
			t.Fatal(err)
		}
		now, err := tree.At(tree.Size())
		if err != nil {
			t.Fatal(err)
		}
		before[now.N] = now.Hash
	}
	newest := before[tree.Size()]
	for size, hash := range before {
		then, err := tree.At(size)
		if err != nil || then.Hash != hash {
			t.Errorf("the tree of %d records is %v now, and was %v (%v)", size, then.Hash, hash, err)
		}
		proof, err := tlog.ProveTree(tree.Size(), size, &tree)
		if err != nil {
			t.Fatal(err)
		}
		if err := tlog.CheckTree(proof, tree.Size(), newest, size, hash); err != nil {
			t.Errorf("from %d records: %v", size, err)
		}
	}
	if _, err := tree.At(41); err == nil {
		t.Error("a tree of records that are not there")
	}
}
