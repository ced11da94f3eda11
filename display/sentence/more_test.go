package sentence_test

import (
	"testing"
	"time"

	"picket.internal/api"
	"picket.internal/display/sentence"
)

func TestMore(t *testing.T) {
	first := time.Date(2026, 5, 6, 12, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		count     int64
		last, now time.Duration
		want      string
	}{
		{1, 0, time.Hour, ""},
		{2, time.Second, 2 * time.Second, "1 more in the last minute"},
		{42, 11 * time.Minute, 12 * time.Minute, "41 more in the last 12 minutes"},
		{42, 11 * time.Minute, 11*time.Minute + time.Second, "41 more in the last 12 minutes"},
		{9, 3 * time.Hour, 3*time.Hour + time.Minute, "8 more in the last 4 hours"},
		{9, 11 * time.Minute, 5 * time.Hour, "8 more in the 11 minutes after it"},
		{9, 71 * time.Hour, 200 * time.Hour, "8 more in the 3 days after it"},
		{9, -time.Minute, time.Minute, "8 more in the last minute"}, // the host's clock was set back
		{9, -time.Hour, time.Hour, "8 more in the minute after it"},
	} {
		a := &api.Alert{Count: tc.count, Time: first, Last: first.Add(tc.last)}
		if tc.last == 0 {
			a.Last = time.Time{}
		}
		if got := sentence.More(a, first.Add(tc.now)); got != tc.want {
			t.Errorf("%+v: %q, want %q", tc, got, tc.want)
		}
	}
}
