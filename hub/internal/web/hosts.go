package web

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"

	types "picket.internal/api"
	"picket.internal/display"
	"picket.internal/display/sentence"
	"picket.internal/fact"
)

// stateWord is a host's state: a word and how pressing it is.
type stateWord struct{ Word, Tone string }

// hostState is the most pressing thing about a host.
func hostState(h *types.Host) stateWord {
	switch {
	case h.State == types.HostSuspect:
		return stateWord{"Suspect", "bad"}
	case contradicted(h):
		return stateWord{"Contradicted", "bad"}
	case changed(h):
		return stateWord{"Changed", "bad"}
	case h.State == types.HostPending:
		return stateWord{"Pending", "warn"}
	case h.State == types.HostDisabled:
		return stateWord{"Disabled", "off"}
	case h.Silent:
		return stateWord{"Silent", "bad"}
	case h.State == types.HostEnrolled:
		return stateWord{"Up", "good"}
	default:
		return stateWord{"Unknown", "off"} // of a newer hub
	}
}

// changed tells whether the sensor's binary is not the one that the hub knows.
func changed(h *types.Host) bool {
	return h.PinnedSHA256 != "" && h.Sensor.SHA256 != "" && h.Sensor.SHA256 != h.PinnedSHA256
}

// contradicted tells whether the host's wrapper does not find the sensor that it
// says it is.
func contradicted(h *types.Host) bool {
	return h.Attestation != nil && h.Attestation.Verdict == types.AttestDisagrees
}

// attestation is what the host's wrapper last said of the sensor.
type attestation struct {
	Words    Text
	Good     bool
	Bad      bool
	At       *Moment // nil before the first answer
	Findings []Text
	Notes    []Text
}

var attestWords = map[string]Text{types.AttestAgrees: "the wrapper finds the same", types.AttestRestart: "the same, to be restarted",
	types.AttestChanged: "the same, and a file changed", types.AttestDisagrees: "the wrapper contradicts it", types.AttestRefused: "the wrapper refused", types.AttestNoAnswer: "no answer in time"}

func (u *ui) attestation(a *types.Attestation) attestation {
	if a == nil || a.Verdict == "" {
		return attestation{Words: "not yet"}
	}
	words, ok := attestWords[a.Verdict]
	if !ok {
		words = Text(a.Verdict) // of a newer hub
	}
	return attestation{Words: words, At: u.moment(a.At), Findings: texts(a.Findings), Notes: texts(a.Notes),
		Good: a.Verdict == types.AttestAgrees, Bad: a.Verdict != types.AttestAgrees && a.Verdict != types.AttestRestart}
}

// logSeen is what the host's wrapper last signed to have seen of the hub's log.
type logSeen struct {
	Words Text
	Good  bool
	Bad   bool
}

func logOf(l *types.HostLog) logSeen {
	if l == nil {
		return logSeen{Words: "not yet"}
	}
	words := map[string]Text{types.LogSame: "as ours", types.LogFork: "NOT as ours", types.LogRollback: "more than there are", "": "no more is told"}[l.Verdict]
	if words == "" {
		words = Text(l.Verdict) // of a newer hub
	}
	return logSeen{Words: Text(number(l.Records)) + " records, " + words, Good: l.Verdict == types.LogSame,
		Bad: l.Verdict == types.LogFork || l.Verdict == types.LogRollback}
}

// hostRow is a host in a list and at the head of its page.
type hostRow struct {
	ID       string
	Name     Text
	State    stateWord
	LastSeen *Moment
	Ago      string
	Enrolled *Moment
	Version  Text
	SHA256   string
	Pinned   string
	Short    string
	Matches  bool
	Kernel   Text
	Machine  Text
	Facts    string
	Alerts   string
	Dropped  string
	Lost     bool
	Attested attestation
	Log      logSeen
}

func (u *ui) hostRow(h *types.Host) hostRow {
	return hostRow{
		ID: h.ID, Name: nameOf(h.Name, h.ID), State: hostState(h), LastSeen: u.moment(h.LastSeen), Ago: u.ago(h.LastSeen),
		Enrolled: u.moment(h.Enrolled), Version: Text(h.Sensor.Version), SHA256: h.Sensor.SHA256, Pinned: h.PinnedSHA256,
		Short: short(h.PinnedSHA256), Matches: !changed(h), Kernel: Text(h.Kernel), Machine: Text(h.Machine),
		Facts: number(h.Facts), Alerts: number(h.Alerts), Dropped: number(h.Dropped), Lost: h.Dropped > 0, Attested: u.attestation(h.Attestation), Log: logOf(h.Log),
	}
}

type hostsBody struct{ Rows []hostRow }

func (u *ui) hostList(ctx context.Context, _ *http.Request) (*view, error) {
	hosts, err := u.Reader.Hosts(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading hosts: %w", err)
	}
	// What needs somebody comes first.
	slices.SortStableFunc(hosts, func(a, b types.Host) int {
		return cmp.Or(cmp.Compare(pressing(&a), pressing(&b)), cmp.Compare(a.Name, b.Name))
	})
	body := hostsBody{}
	for i := range hosts {
		body.Rows = append(body.Rows, u.hostRow(&hosts[i]))
	}
	return &view{Template: "hosts", Title: "Hosts", Nav: "hosts", Live: "/live", Body: &body}, nil
}

func pressing(h *types.Host) int {
	return slices.Index([]string{"bad", "warn", "good", "off"}, hostState(h).Tone)
}

// hostBody is one host: what it is, its alerts, its latest facts.
type hostBody struct {
	Host     hostRow
	Days     []alertDay
	All      string // the address of all its alerts
	Kinds    []option
	Facts    []factRow
	Older    string
	Newest   string
	Filtered bool
	Holds    []holding
}

// holding is how much of one inventory the hub holds, and whether the host
// agrees.
type holding struct {
	Kind    string
	Count   string
	InStep  bool
	Wanted  *Moment // since when the two differ; nil where they do not
	Omitted string  // how many the host cannot tell of; empty for none
}

func (u *ui) holdings(ctx context.Context, id string) ([]holding, error) {
	all, err := u.Reader.Inventories(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("reading inventories: %w", err)
	}
	var out []holding
	for _, i := range all {
		h := holding{Kind: i.Kind, Count: number(i.Count), InStep: i.State == types.InventoryInStep}
		if i.State == types.InventoryDiffers {
			h.Wanted = u.moment(i.Wanted)
		}
		if i.Omitted > 0 {
			h.Omitted = number(i.Omitted)
		}
		out = append(out, h)
	}
	return out, nil
}

// factRow is a fact in a list.
type factRow struct {
	Time  *Moment
	Kind  Text
	Words Text
	JSON  string
}

// hostAlerts is how many alerts a host's page shows above its facts.
const hostAlerts = 10

func (u *ui) host(ctx context.Context, r *http.Request) (*view, error) {
	id := r.PathValue("id")
	query := withoutKey(r.URL.Query())
	query.Set("host", id)
	q, err := types.ParseFactQuery(query)
	if err != nil {
		return nil, err
	}
	host, err := u.findHost(ctx, id)
	if err != nil {
		return nil, err
	}
	alerts, err := u.Reader.Alerts(ctx, types.AlertQuery{HostID: id, Limit: hostAlerts})
	if err != nil {
		return nil, fmt.Errorf("reading alerts: %w", err)
	}
	q.Limit = pageRows + 1
	facts, err := u.Reader.Facts(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("reading facts: %w", err)
	}
	body := hostBody{Host: u.hostRow(host), Days: u.alertDays(alerts), Kinds: kinds(q.Kind), Filtered: q.Kind != ""}
	if body.Holds, err = u.holdings(ctx, id); err != nil {
		return nil, err
	}
	body.All = address("/", types.AlertQuery{HostID: id}.Values())
	first := types.FactQuery{Kind: q.Kind}
	if q.After != "" {
		body.Newest = address("/hosts/"+id, first.Values())
	}
	if len(facts) > pageRows {
		facts = facts[:pageRows]
		first.After = facts[pageRows-1].Cursor
		body.Older = address("/hosts/"+id, first.Values())
	}
	for i := range facts {
		body.Facts = append(body.Facts, u.factRow(&facts[i]))
	}
	v := &view{Template: "host", Title: "Host", Tab: body.Host.Name, Nav: "hosts", Body: &body}
	if q.After == "" {
		v.Live = u.newsOf(ctx, types.AlertQuery{HostID: id}, alerts)
	}
	return v, nil
}

func (u *ui) findHost(ctx context.Context, id string) (*types.Host, error) {
	hosts, err := u.Reader.Hosts(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading hosts: %w", err)
	}
	for i := range hosts {
		if hosts[i].ID == id {
			return &hosts[i], nil
		}
	}
	return nil, types.ErrNotFound
}

func (u *ui) factRow(s *types.StoredFact) factRow {
	row := factRow{Time: u.moment(s.Received), JSON: string(display.JSONBlock(s.Fact))}
	f, _, err := fact.Parse(s.Fact)
	if err != nil {
		row.Words = "a fact that this hub cannot read"
		return row
	}
	row.Time, row.Kind, row.Words = u.moment(f.Time), Text(f.Kind), Text(sentence.Fact(f))
	return row
}

// kinds fills the filter for facts.
func kinds(selected string) []option {
	options := []option{{"", "Any kind", selected == ""}}
	for _, k := range fact.Kinds() {
		options = append(options, option{string(k.Kind), Text(k.Kind), selected == string(k.Kind)})
	}
	return options
}
