package lru_test

import (
	"testing"

	"picket.internal/engine/lru"
)

func TestTheOneUsedLongestAgoIsForgotten(t *testing.T) {
	m := lru.New[int, string](2)
	m.Put(1, "a")
	m.Put(2, "b")
	m.Get(1)
	m.Put(3, "c")
	m.Put(1, "d")
	for key, want := range map[int]string{1: "d", 2: "", 3: "c"} {
		if got, ok := m.Get(key); got != want || ok != (want != "") {
			t.Errorf("%d is %q (%v), want %q", key, got, ok, want)
		}
	}
	if n := m.Evicted(); n != 1 {
		t.Errorf("%d forgotten, want 1", n)
	}
}
