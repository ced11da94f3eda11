package eat

// counterWindow is how many counters below the highest one a host still knows
// apart.
const counterWindow = 64

// Counters are the counters of the tokens that a host has acted on. Tokens that
// are on their way at once may overtake each other: one whose counter is at most
// 64 below the highest is taken, once. Source: the anti-replay window of RFC
// 4303, section 3.4.3.
type Counters struct {
	// High is the highest; 0 where there is none.
	High uint64
	// Free says which of the 64 below it no token was acted on with: the lowest
	// bit is that of High-1. Where nothing is known, none is.
	Free uint64
}

// Spent reports whether a counter is used up: by a token, or because it is too
// far below the highest to be told.
func (c Counters) Spent(n uint64) bool {
	if n > c.High {
		return false
	}
	below := c.High - n
	return below == 0 || below > counterWindow || c.Free&(1<<(below-1)) == 0
}

// Spend is c with one more counter used up.
func (c Counters) Spend(n uint64) Counters {
	if n > c.High {
		ahead := n - c.High // what is passed over stays free
		return Counters{High: n, Free: c.Free<<ahead | (1<<(ahead-1) - 1)}
	}
	if below := c.High - n; below > 0 {
		c.Free &^= 1 << (below - 1)
	}
	return c
}
