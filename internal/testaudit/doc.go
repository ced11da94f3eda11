// Package testaudit gives a test the kernel's audit: rules for the files that
// it names, and everything put back as it was when the test ends.
//
// The package is for tests only and must never be linked into a binary.
package testaudit
