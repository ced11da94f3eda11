package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	types "picket.internal/api"
	"picket.internal/display/sentence"
)

// pageRows is how many rows a list shows.
const pageRows = 50

// alertsBody is the list of alerts.
type alertsBody struct {
	Filter   filter
	Days     []alertDay
	Older    string // the address of the next page; empty on the last
	Newest   string // the address of the first page; empty on it
	Filtered bool
	Hosts    int // how many hosts there are, for the empty page
}

// filter is the form above a list, filled in.
type filter struct {
	Severities []option
	Hosts      []option
	Kinds      []option
	Rule       Text
	Shadow     bool
}

type option struct {
	Value    string
	Name     Text
	Selected bool
}

type alertDay struct {
	Name string
	Rows []alertRow
}

// alertRow is an alert in a list.
type alertRow struct {
	ID       string
	Time     *Moment
	Severity severity
	Host     Text
	HostID   string
	Heading  Text
	Evidence Text
	More     string // how often again; empty for never
	Rule     Text
	Count    int64
	Shadow   bool
}

// severity is a word with its mark, never a colour alone.
type severity struct{ Name, Mark, Word string }

var marks = map[string]string{"critical": "◆", "high": "▲", "medium": "■", "low": "●", "info": "○"}

func severityOf(name string) severity {
	if mark, ok := marks[name]; ok {
		return severity{name, mark, strings.ToUpper(name[:1]) + name[1:]}
	}
	return severity{"info", "○", name} // of a newer hub
}

func (u *ui) alerts(ctx context.Context, r *http.Request) (*view, error) {
	q, err := types.ParseAlertQuery(withoutKey(r.URL.Query()))
	if err != nil {
		return nil, err
	}
	q.Limit = pageRows + 1 // one more tells whether there is a next page
	alerts, err := u.Reader.Alerts(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("reading alerts: %w", err)
	}
	hosts, err := u.Reader.Hosts(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading hosts: %w", err)
	}
	first := types.AlertQuery{Severity: q.Severity, HostID: q.HostID, RuleID: q.RuleID, Since: q.Since, Until: q.Until, IncludeShadow: q.IncludeShadow}
	body := alertsBody{Filter: alertFilter(q, hosts), Filtered: first != types.AlertQuery{}, Hosts: len(hosts)}
	if len(alerts) > pageRows {
		alerts = alerts[:pageRows]
		next := first
		next.After = alerts[pageRows-1].ID
		body.Older = address("/", next.Values())
	}
	v := &view{Template: "alerts", Title: "Alerts", Nav: "alerts"}
	if q.After != "" {
		body.Newest = address("/", first.Values())
	} else {
		v.Live = u.newsOf(ctx, first, alerts)
	}
	body.Days = u.alertDays(alerts)
	v.Body = &body
	return v, nil
}

// newsOf is where a page hears of alerts that came after those it shows.
func (u *ui) newsOf(ctx context.Context, q types.AlertQuery, shown []types.Alert) string {
	q.After = types.FirstCursor
	if len(shown) > 0 {
		q.After = shown[0].ID
	} else if newest, err := u.Reader.Alerts(ctx, types.AlertQuery{Limit: 1, IncludeShadow: true}); err == nil && len(newest) > 0 {
		q.After = newest[0].ID
	}
	return address("/live", q.Values())
}

// withoutKey is the query proper.
func withoutKey(v url.Values) url.Values {
	v.Del("key")
	return v
}

func address(path string, v url.Values) string {
	if len(v) == 0 {
		return path
	}
	return path + "?" + v.Encode()
}

func alertFilter(q types.AlertQuery, hosts []types.Host) filter {
	f := filter{Rule: Text(q.RuleID), Shadow: q.IncludeShadow}
	f.Severities = append(f.Severities, option{"", "Any severity", q.Severity == ""})
	for i := len(types.Severities) - 1; i >= 0; i-- {
		name := types.Severities[i]
		f.Severities = append(f.Severities, option{name, Text(severityOf(name).Word), q.Severity == name})
	}
	f.Hosts = append(f.Hosts, option{"", "Any host", q.HostID == ""})
	for _, h := range hosts {
		f.Hosts = append(f.Hosts, option{h.ID, nameOf(h.Name, h.ID), q.HostID == h.ID})
	}
	return f
}

func nameOf(name, id string) Text {
	if name == "" {
		return Text(id)
	}
	return Text(name)
}

// alertDays groups alerts by the day on which they happened, in their order.
func (u *ui) alertDays(alerts []types.Alert) []alertDay {
	var days []alertDay
	for i := range alerts {
		name := u.dayName(alerts[i].Time)
		if len(days) == 0 || days[len(days)-1].Name != name {
			days = append(days, alertDay{Name: name})
		}
		last := &days[len(days)-1]
		last.Rows = append(last.Rows, u.alertRow(&alerts[i]))
	}
	return days
}

func (u *ui) alertRow(a *types.Alert) alertRow {
	f := sentence.First(a)
	evidence := sentence.Process(f)
	if f.Process == nil {
		evidence = a.Message
	}
	row := alertRow{
		ID: a.ID, Time: u.moment(a.Time), Severity: severityOf(a.Severity), Host: nameOf(a.Host.Name, a.Host.ID), HostID: a.Host.ID,
		Heading: Text(sentence.Heading(a, f)), Evidence: Text(evidence), More: sentence.More(a, u.Now()), Rule: Text(a.Rule.ID), Count: a.Count, Shadow: a.Shadow,
	}
	row.Time.Clock = a.Time.In(u.Zone).Format("15:04:05") // the day stands above
	return row
}
