package main

import (
	"testing"
	"time"
)

func TestParseWhen(t *testing.T) {
	now := time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		in, want string // empty: refused
	}{
		{"2026-11-03T10:00:00Z", "2026-11-03T10:00:00Z"},
		{"2026-11-03T10:00:00.5+02:00", "2026-11-03T08:00:00.5Z"},
		{"1h", "2026-11-03T11:00:00Z"},
		{"1h30m", "2026-11-03T10:30:00Z"},
		{"250ms", "2026-11-03T11:59:59.75Z"},
		{"-1h", ""}, {"0s", ""}, {"", ""}, {"1", ""}, {"yesterday", ""}, {"2026-11-03", ""}, {"2026-11-03 10:00:00", ""},
	} {
		got, err := parseWhen(tc.in, now)
		switch {
		case tc.want == "" && err == nil:
			t.Errorf("parseWhen(%q) = %v, want an error", tc.in, got)
		case tc.want != "" && (err != nil || got.Format(time.RFC3339Nano) != tc.want):
			t.Errorf("parseWhen(%q) = %v, %v; want %s", tc.in, got, err, tc.want)
		}
	}
}
