// Command threats prints each threat id with the tests that carry it: the ids
// come from the threat table beside the repository (../shared/threats.md) or,
// in a clone without it, from SECURITY.md; the tests are all functions named
// TestThreat_ID_What. It must never run a test.
//
// It exits with 1 where SECURITY.md promises a test that does not exist.
package main

import (
	"bufio"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

var (
	row    = regexp.MustCompile(`^\| ?([A-Z][0-9]{1,2}) \| ([^|]+)\|`)
	named  = regexp.MustCompile(`TestThreat_([A-Z][0-9]{1,2})_\w+`)
	tested = regexp.MustCompile(`^func (TestThreat_([A-Z][0-9]{1,2})_\w+)\(`)
)

type threat struct{ id, what string }

func main() {
	if err := run("."); err != nil {
		fmt.Fprintln(os.Stderr, "threats:", err)
		os.Exit(1)
	}
}

func run(root string) error {
	list, from, err := threats(root)
	if err != nil {
		return err
	}
	tests, err := findTests(root)
	if err != nil {
		return err
	}
	fmt.Printf("threats of %s and the tests that carry them\n\n", from)
	carried := 0
	for _, t := range list {
		found := tests[t.id]
		if len(found) > 0 {
			carried++
		}
		print(t, found)
	}
	fmt.Printf("\n%d threats, %d carried by a test\n", len(list), carried)
	return broken(root, tests)
}

func print(t threat, found []string) {
	first := "-"
	if len(found) > 0 {
		first = found[0]
	}
	what := []rune(t.what)
	if len(what) > 60 {
		what = append(what[:59], '…')
	}
	fmt.Printf("%-4s %-60s  %s\n", t.id, string(what), first)
	for _, more := range found[min(1, len(found)):] {
		fmt.Printf("%-4s %-60s  %s\n", "", "", more)
	}
}

// threats reads the table of ids, first where the whole list is.
func threats(root string) ([]threat, string, error) {
	var list []threat
	for _, path := range []string{"../shared/threats.md", "SECURITY.md"} {
		data, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(data)) {
			if m := row.FindStringSubmatch(line); m != nil {
				list = append(list, threat{m[1], strings.TrimSpace(m[2])})
			}
		}
		if len(list) > 0 {
			return list, path, nil
		}
	}
	return nil, "", fmt.Errorf("neither ../shared/threats.md nor SECURITY.md has a table of threats")
}

// findTests maps each id to "TestThreat_… file", in order of path.
func findTests(root string) (map[string][]string, error) {
	tests := map[string][]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			if m := tested.FindStringSubmatch(lines.Text()); m != nil {
				tests[m[2]] = append(tests[m[2]], m[1]+"  "+path)
			}
		}
		return lines.Err()
	})
	return tests, err
}

// broken names the tests that SECURITY.md promises and nobody wrote.
func broken(root string, tests map[string][]string) error {
	data, err := os.ReadFile(filepath.Join(root, "SECURITY.md"))
	if err != nil {
		return err
	}
	var missing []string
	for _, m := range named.FindAllStringSubmatch(string(data), -1) {
		exists := func(have string) bool { return strings.HasPrefix(have, m[0]+" ") }
		if !slices.ContainsFunc(tests[m[1]], exists) {
			missing = append(missing, m[0])
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("SECURITY.md names tests that do not exist: %s", strings.Join(missing, ", "))
	}
	return nil
}
