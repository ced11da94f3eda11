//go:build linux

package modules

import (
	"bytes"
	"slices"
	"strconv"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/describe"
)

const (
	maxName    = 256
	maxUsers   = 256
	maxModules = 10_000
)

// Parse reads proc_modules(5): name, size, how often it is used, by which
// modules, state, address and the letters by which it taints the kernel. bad
// is how many lines are of another form.
func Parse(data []byte) (modules []*fact.Module, bad int) {
	for len(data) > 0 {
		var line []byte
		line, data, _ = bytes.Cut(data, []byte("\n"))
		m, ok := parseLine(line)
		if !ok || len(modules) == maxModules {
			bad++
			continue
		}
		modules = append(modules, m)
	}
	return modules, bad
}

func parseLine(line []byte) (*fact.Module, bool) {
	fields := bytes.Fields(line)
	if len(fields) < 4 {
		return nil, false
	}
	size, err := strconv.ParseUint(string(fields[1]), 10, 64)
	if err != nil {
		return nil, false
	}
	m := &fact.Module{Name: describe.Plain(string(fields[0]), maxName), Size: size}
	for user := range bytes.SplitSeq(fields[3], []byte(",")) {
		// A dash is for none, and [permanent] for what cannot be unloaded.
		if len(user) > 0 && user[0] != '-' && user[0] != '[' && len(m.UsedBy) < maxUsers {
			m.UsedBy = append(m.UsedBy, describe.Plain(string(user), maxName))
		}
	}
	slices.Sort(m.UsedBy)
	if last := fields[len(fields)-1]; len(fields) > 6 && len(last) > 2 && last[0] == '(' && last[len(last)-1] == ')' {
		m.Taints = taints(last[1 : len(last)-1])
	}
	return m, true
}

// taints are letters. The kernel adds "+" or "-" while a module is loaded or
// unloaded.
func taints(b []byte) string {
	letters := make([]byte, 0, 8)
	for _, c := range b {
		if c >= 'A' && c <= 'Z' && len(letters) < 26 {
			letters = append(letters, c)
		}
	}
	return string(letters)
}
