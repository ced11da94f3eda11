//go:build linux

package unit

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzUnit: what a file holds beyond the bounds is an error or cut, never
// memory, and parsing what was kept gives the same again.
func FuzzUnit(f *testing.F) {
	f.Add([]byte(install))
	f.Add([]byte("[Service]\nExecStart=/a \\\n;c\n b\n[Timer]\nOnCalendar=*-*-*\nUnit=x\n"))
	f.Add([]byte("[\n]\n[]\n=\na=\n\\"))
	f.Fuzz(func(t *testing.T, data []byte) {
		settings, err := parse(data)
		if err != nil && len(data) <= maxFile && len(settings) < maxSettings {
			t.Fatalf("%d bytes refused: %v", len(data), err)
		}
		var again strings.Builder
		for _, s := range settings {
			if len(s.value) > maxValue || !matters(s.section, s.key) || strings.ContainsAny(s.value, "\n") {
				t.Fatalf("%+v was kept", s)
			}
			again.WriteString("[" + s.section + "]\n" + s.key + "=" + s.value + "\n")
			Program(s.value)
		}
		if strings.Contains(again.String(), `\`) {
			return // an escape at an end that was cut
		}
		twice, err := parse([]byte(again.String()))
		if err != nil || !cmp.Equal(settings, twice, cmp.AllowUnexported(setting{})) {
			t.Fatalf("%q is %+v, and again %+v, %v", data, settings, twice, err)
		}
	})
}

func BenchmarkScan(b *testing.B) {
	b.ReportAllocs()
	tree := New("/")
	for b.Loop() {
		s := tree.Scan(".service", ".socket", ".timer")
		for _, name := range s.Names(nil) {
			s.Unit(name)
		}
		s.Keep()
	}
}
