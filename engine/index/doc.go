// Package index tells which rules a fact may meet, so that the cost of a fact
// does not grow with the number of rules. It is built of the necessary
// conditions that package rule reads off the rules: of each rule the part that
// the fewest facts meet is looked up, in hash tables, in tries of beginnings
// and ends, and in one Aho-Corasick automaton a field; what cannot be looked up
// is shown every fact of its kinds.
//
// It never decides that a rule matches, and it must never leave out a rule
// whose condition is true for the fact or ends in an error on it. What it has
// learned of facts makes it faster or slower, never different.
package index
