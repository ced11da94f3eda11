//go:build !linux

package main

// system are the commands that set a host up: none on this system so far.
var system = map[string]command{}
