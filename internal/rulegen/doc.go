// Package rulegen makes rules and facts for tests and benchmarks: conditions
// and facts at the edges of what an index may get wrong, large sets that vary
// the rules of a folder as the rules of real packs vary, and the facts of
// ordinary hosts. The same seed always makes the same things. No program may
// link it.
package rulegen
