package window

import (
	"fmt"
	"math"
)

// Bound is one criterion of a condition, in Sigma's words.
type Bound struct {
	Op    string // gt, gte, lt, lte, eq or neq
	Value float64
}

func (b Bound) holds(v float64) bool {
	switch b.Op {
	case "gt":
		return v > b.Value
	case "gte":
		return v >= b.Value
	case "lt":
		return v < b.Value
	case "lte":
		return v <= b.Value
	case "eq":
		return v == b.Value
	case "neq":
		return v != b.Value
	}
	return false
}

func holds(bounds []Bound, v float64) bool {
	for _, b := range bounds {
		if !b.holds(v) {
			return false
		}
	}
	return true
}

// rising reports whether a larger value can only make the condition truer.
func rising(bounds []Bound) bool {
	for _, b := range bounds {
		if b.Op != "gt" && b.Op != "gte" {
			return false
		}
	}
	return true
}

// least is the smallest count that meets a rising condition. Windows without an
// event are none, so it is never under one.
func least(bounds []Bound) int {
	n := 1.0
	for _, b := range bounds {
		if b.Op == "gt" {
			n = max(n, math.Floor(b.Value)+1)
		} else {
			n = max(n, math.Ceil(b.Value))
		}
	}
	return int(n)
}

// enough is the count from which on more of it changes no condition.
func enough(bounds []Bound) int {
	n := 1.0
	for _, b := range bounds {
		n = max(n, math.Floor(b.Value)+2)
	}
	return int(n)
}

// checkBounds checks a condition; most is the largest count that makes sense,
// or 0 where a number is judged and not a count.
func checkBounds(bounds []Bound, most int) error {
	seen := map[string]bool{}
	for _, b := range bounds {
		switch b.Op {
		case "gt", "gte", "lt", "lte", "eq", "neq":
		default:
			return fmt.Errorf("malformed condition %q: must be gt, gte, lt, lte, eq or neq", clip(b.Op, 64))
		}
		if seen[b.Op] {
			return fmt.Errorf("malformed condition: %s is there twice", b.Op)
		}
		seen[b.Op] = true
		if math.IsNaN(b.Value) || math.IsInf(b.Value, 0) {
			return fmt.Errorf("malformed condition %s: %v is no number to compare with", b.Op, b.Value)
		}
		if most > 0 && math.Abs(b.Value) > float64(most) {
			return fmt.Errorf("malformed condition %s: %v: at most %d is possible", b.Op, b.Value, most)
		}
	}
	if len(bounds) > 0 && !possible(bounds, most) {
		return fmt.Errorf("malformed condition: nothing can meet it")
	}
	return nil
}

// possible tries the values around each bound; between two bounds that are
// next to each other a condition does not change.
func possible(bounds []Bound, most int) bool {
	tries := []float64{1}
	for _, b := range bounds {
		v := b.Value
		if most > 0 {
			tries = append(tries, math.Floor(v)-1, math.Floor(v), math.Ceil(v), math.Ceil(v)+1)
			continue
		}
		tries = append(tries, v, math.Nextafter(v, math.Inf(-1)), math.Nextafter(v, math.Inf(1)))
		for _, other := range bounds {
			tries = append(tries, v/2+other.Value/2)
		}
	}
	for _, v := range tries {
		if most > 0 && (v < 1 || v > float64(most)) {
			continue
		}
		if holds(bounds, v) {
			return true
		}
	}
	return false
}
