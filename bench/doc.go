// Package bench holds Picket's engine beside other engines: the same rules and
// facts, the same matches, in one run. It is a module of its own so that none of
// them gets into the product's.
//
// Rules are written for the others from what package rule reads off their
// conditions, in the form that each likes best: for OPA a partial set in rego v1
// whose bodies begin with what its own index knows (equality, in, beginnings and
// ends), with or taken apart into bodies where that helps it; for expr and for
// cel-go by itself one program a rule. cel-go is there twice: as Picket runs it,
// with a bound on what each evaluation costs, and bare.
//
// What Picket computes at run time (the last part of a path, a text in lower
// case) is in their input already, and making their input is not measured.
package bench
