package api_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"picket.internal/api"
	"picket.internal/fact"
)

var at = time.Date(2026, 5, 6, 7, 8, 9, 123456789, time.UTC)

// What one side writes, the other reads.
func TestQueriesSurviveTheURL(t *testing.T) {
	for _, q := range []api.AlertQuery{
		{},
		{Severity: "high", HostID: "h_1", RuleID: "canary.read", After: "01JT", Limit: 1000, IncludeShadow: true},
		{Since: at, Until: at.Add(time.Nanosecond)},
		{HostID: "a&b=c d\u202e\x1b%00"},
	} {
		values, err := url.ParseQuery(q.Values().Encode())
		if err != nil {
			t.Fatal(err)
		}
		got, err := api.ParseAlertQuery(values)
		if err != nil || got != q {
			t.Errorf("%+v became %+v, %v", q, got, err)
		}
	}
	for _, q := range []api.FactQuery{{}, {HostID: "h_1", Kind: "canary", Since: at, Until: at.Add(time.Hour), After: "7", Limit: 1}} {
		got, err := api.ParseFactQuery(q.Values())
		if err != nil || got != q {
			t.Errorf("%+v became %+v, %v", q, got, err)
		}
	}
}

func TestQueriesRefuse(t *testing.T) {
	long := strings.Repeat("x", api.MaxText+1)
	for query, want := range map[string]string{
		"severity=HIGH":            `malformed severity "HIGH": want info, low, medium, high or critical`,
		"limit=0":                  `malformed limit "0": want a number from 1 to 1000`,
		"limit=1001":               `malformed limit "1001": want a number from 1 to 1000`,
		"limit=1e2":                `malformed limit "1e2": want a number from 1 to 1000`,
		"since=yesterday":          `malformed since "yesterday": want RFC 3339, as in 2026-01-02T15:04:05Z`,
		"shadow=yes":               `malformed shadow "yes": want true or false`,
		"rule=a&rule=b":            `malformed rule "b": given twice`,
		"Severity=high":            `malformed parameter "Severity": no such parameter`,
		"sort=name%60%2C%28select": "malformed parameter \"sort\": no such parameter",
		"host=%ff":                 `malformed host "\xff": not UTF-8`,
		"rule=" + long:             `malformed rule "` + long[1:] + `": longer than 256 bytes`,
		"since=2026-01-02T00:00:00Z&until=2026-01-02T00:00:00Z": `malformed until "2026-01-02T00:00:00Z": not after since`,
	} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		q, err := api.ParseAlertQuery(values)
		if err == nil || err.Error() != want || !errors.Is(err, api.ErrMalformed) || q != (api.AlertQuery{}) {
			t.Errorf("%s: %+v, %v\nwant %s", query, q, err, want)
		}
	}
	for _, query := range []string{"severity=high", "kind=a&kind=b", "after=%ff", "limit=-1"} {
		values, _ := url.ParseQuery(query)
		if _, err := api.ParseFactQuery(values); !errors.Is(err, api.ErrMalformed) {
			t.Errorf("facts?%s: %v", query, err)
		}
	}
}

func TestMatches(t *testing.T) {
	a := api.Alert{Severity: "high", Time: at, Host: fact.Host{ID: "h_1"}, Rule: api.Rule{ID: "r"}}
	shadow := a
	shadow.Shadow = true
	for _, tc := range []struct {
		query api.AlertQuery
		alert api.Alert
		want  bool
	}{
		{api.AlertQuery{}, a, true},
		{api.AlertQuery{}, shadow, false},
		{api.AlertQuery{IncludeShadow: true}, shadow, true},
		{api.AlertQuery{Severity: "high", HostID: "h_1", RuleID: "r"}, a, true},
		{api.AlertQuery{Severity: "low"}, a, false},
		{api.AlertQuery{HostID: "h_2"}, a, false},
		{api.AlertQuery{RuleID: "q"}, a, false},
		{api.AlertQuery{Since: at}, a, true},
		{api.AlertQuery{Since: at.Add(1)}, a, false},
		{api.AlertQuery{Until: at}, a, false},
		{api.AlertQuery{Until: at.Add(1)}, a, true},
	} {
		if got := tc.query.Matches(&tc.alert); got != tc.want {
			t.Errorf("%+v matches %+v: %v", tc.query, tc.alert, got)
		}
	}
}

func TestRows(t *testing.T) {
	for limit, want := range map[int]int{0: api.DefaultLimit, 1: 1, 1000: 1000, 5000: api.MaxLimit} {
		if got := (api.AlertQuery{Limit: limit}).Rows(); got != want {
			t.Errorf("limit %d is %d rows", limit, got)
		}
	}
}

func TestEnrollTokenRequestFill(t *testing.T) {
	r := api.EnrollTokenRequest{}
	if err := r.Fill(); err != nil || cmp.Diff(api.EnrollTokenRequest{TTLSeconds: 3600, Uses: 1}, r) != "" {
		t.Errorf("%+v, %v", r, err)
	}
	for _, bad := range []api.EnrollTokenRequest{{TTLSeconds: -1}, {TTLSeconds: 3601}, {Uses: -1}, {Uses: 1001}, {Name: strings.Repeat("x", 257)}, {Name: "\xff"}} {
		if err := bad.Fill(); !errors.Is(err, api.ErrMalformed) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}
