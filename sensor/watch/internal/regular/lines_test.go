//go:build linux

package regular_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"picket.internal/sensor/watch/internal/regular"
)

func TestLines(t *testing.T) {
	long := strings.Repeat("l", 20)
	for _, test := range []struct {
		name, content string
		bytes         int64
		want          []string
		lack          regular.Lack
	}{
		{"nothing", "", 100, nil, regular.Lack{}},
		{"lines", "a\n\nb\n", 100, []string{"a", "", "b"}, regular.Lack{}},
		{"no end", "a\nb", 100, []string{"a", "b"}, regular.Lack{}},
		{"as long as may be", "0123456789\nb", 100, []string{"0123456789", "b"}, regular.Lack{}},
		{"one too long", "a\n" + long + "\nb\n", 100, []string{"a", "b"}, regular.Lack{Long: 1}},
		{"the last too long", "a\n" + long, 100, []string{"a"}, regular.Lack{Long: 1}},
		{"goes on", "a\nb\nc\n", 4, []string{"a", "b"}, regular.Lack{Cut: true}},
		{"ends at the bound", "a\nb\n", 4, []string{"a", "b"}, regular.Lack{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(path, []byte(test.content), 0o600); err != nil {
				t.Fatal(err)
			}
			var got []string
			lack, _, err := regular.Lines(path, regular.Bounds{Bytes: test.bytes, Line: 10}, func(line []byte) {
				got = append(got, string(line))
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" || lack != test.lack {
				t.Errorf("lack %+v, want %+v; lines (-want +got):\n%s", lack, test.lack, diff)
			}
		})
	}
}
