// Package modules reads the modules of the kernel, from its list and from
// /sys/module: what only one of the two hides is told all the same.
//
// What hides from both cannot be seen from here, and the package must never
// claim that it can.
package modules
