package main

import (
	"fmt"
	"time"

	"github.com/alecthomas/kong"
)

// when is a point in time on the command line: RFC 3339, or a duration that
// says how long ago.
type when struct{ time.Time }

var _ kong.MapperValue = (*when)(nil)

// Decode implements kong.MapperValue.
func (w *when) Decode(ctx *kong.DecodeContext) error {
	var text string
	if err := ctx.Scan.PopValueInto("time", &text); err != nil {
		return err
	}
	t, err := parseWhen(text, time.Now())
	if err != nil {
		return err
	}
	w.Time = t
	return nil
}

func parseWhen(text string, now time.Time) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t.UTC(), nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago > 0 {
		return now.Add(-ago).UTC(), nil
	}
	return time.Time{}, fmt.Errorf("malformed time %q: write 2026-01-02T15:04:05Z, or how long ago, as in 90m", text)
}
