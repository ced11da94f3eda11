package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	types "picket.internal/api"
)

// Responses is what the pages about responses ask.
type Responses interface {
	// Responses returns what q chooses, newest first.
	Responses(ctx context.Context, q types.ResponseQuery) ([]types.Response, error)
	// AlertResponses returns those that an alert belongs to, oldest first.
	AlertResponses(ctx context.Context, alert string) ([]types.Response, error)
	// Pause returns the fleet-wide stop.
	Pause(ctx context.Context) (types.Pause, error)
}

// responseRow is a response in a list.
type responseRow struct {
	ID      string
	Made    *Moment
	State   stateWord
	Action  Text
	Host    Text
	HostID  string
	Asker   Text
	Why     Text
	Alert   string
	Command string // what a person would say; empty where there is nothing to say
	Receipt Text
	// Evidence says what it gathered and how much of that is here; empty where it
	// gathers none. The pages' key opens no evidence: that takes an access token.
	Evidence Text
	SHA256   string
	Broke    Text    // why the glass was broken
	Ends     *Moment // when it ends by itself; nil where it does not, or has
}

// responsesBody is the list of responses.
type responsesBody struct {
	Paused  bool
	Reason  Text
	Waiting []responseRow
	Rows    []responseRow
	Newest  string
	Older   string
}

// responseRows is how many are on one page.
const responseRows = 50

var responseStates = map[string]stateWord{
	types.ResponseDryRun: {"Dry run", "off"}, types.ResponseWaiting: {"Waits for a person", "warn"}, types.ResponseQueued: {"Waits for the host", "warn"},
	types.ResponseIssued: {"Issued", "warn"}, types.ResponseDelivered: {"Delivered", "warn"}, types.ResponseDone: {"Done", "good"},
	types.ResponseRefused: {"Refused by the host", "bad"}, types.ResponseFailed: {"Failed", "bad"}, types.ResponseUndone: {"Undone", "off"},
	types.ResponseUnknown: {"Not known", "bad"}, types.ResponseNoReceipt: {"No receipt", "bad"}, types.ResponseExpired: {"Never fetched", "bad"},
	types.ResponseRejected: {"Rejected", "off"},
}

func (u *ui) responseRow(r *types.Response) responseRow {
	state, ok := responseStates[r.State]
	if !ok {
		state = stateWord{"Unknown", "off"} // of a newer hub
	}
	row := responseRow{ID: r.ID, Made: u.moment(r.Created), State: state, Action: Text(r.Action), Host: nameOf(r.Host.Name, r.Host.ID), HostID: r.Host.ID,
		Asker: "a person", Why: Text(r.Why), Alert: r.Alert, Broke: Text(r.BreakGlass)}
	switch {
	case r.Policy != "":
		row.Asker = Text(r.Policy)
	case r.DecidedBy == types.ByHub:
		row.Asker = "the hub"
	}
	if e := r.Evidence; e != nil {
		row.Evidence, row.SHA256 = evidenceWords(e), e.SHA256
		switch e.State {
		case types.EvidenceWhole:
			row.Command = "picket eat evidence " + r.ID + " -o FILE"
		case types.EvidenceComing, types.EvidenceMismatch, types.EvidencePruned:
			row.Command = "picket eat evidence " + r.ID + " --again --reason TEXT"
		}
	}
	switch {
	case r.State == types.ResponseWaiting && r.Signatures > 0:
		row.Command = "picket eat approve " + r.ID + " --key FILE"
	case r.State == types.ResponseWaiting:
		row.Command = "picket eat approve " + r.ID
	}
	if n := len(r.Receipts); n > 0 {
		last := r.Receipts[n-1]
		row.Receipt = Text(last.Outcome)
		if last.Detail != "" {
			row.Receipt += Text(": " + last.Detail)
		}
		if r.State == types.ResponseDone {
			row.Ends = u.moment(last.LeaseEnd)
			if !last.LeaseEnd.IsZero() {
				row.Command = "picket eat undo " + r.ID + " --reason TEXT"
			}
		}
	}
	return row
}

// evidenceWords says how much of a bundle is here.
func evidenceWords(e *types.Evidence) Text {
	words := Text(fmt.Sprintf("Evidence of %d bytes", e.Bytes))
	switch e.State {
	case types.EvidenceComing, types.EvidenceArrived:
		words += Text(fmt.Sprintf(", of which %d of %d chunks are here", e.Have, e.Chunks))
	case types.EvidenceWhole:
		words += ", here and as the host signed it"
	case types.EvidenceMismatch:
		words += ", not as the host signed it and dropped"
	case types.EvidenceKept:
		words += ", kept on the host: " + Text(e.Why)
	case types.EvidencePruned:
		words += ", no longer here"
	}
	return words
}

func (u *ui) responseList(ctx context.Context, r *http.Request) (*view, error) {
	if u.Config.Responses == nil {
		return nil, types.ErrNotFound
	}
	q, err := types.ParseResponseQuery(withoutKey(r.URL.Query()))
	if err != nil {
		return nil, err
	}
	q.Limit = responseRows
	all, err := u.Config.Responses.Responses(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("reading responses: %w", err)
	}
	pause, err := u.Config.Responses.Pause(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading whether responses are paused: %w", err)
	}
	body := responsesBody{Paused: pause.Paused, Reason: Text(pause.Reason)}
	if q.After != "" {
		body.Newest = "/responses"
	} else if body.Waiting, err = u.waiting(ctx); err != nil {
		return nil, err
	}
	for i := range all {
		body.Rows = append(body.Rows, u.responseRow(&all[i]))
	}
	if len(all) == responseRows {
		body.Older = "/responses?" + url.Values{"after": {all[len(all)-1].ID}}.Encode()
	}
	return &view{Template: "responses", Title: "Responses", Nav: "responses", Live: "/live", Body: &body}, nil
}

// waiting are those that somebody must decide about, whatever their age.
func (u *ui) waiting(ctx context.Context) ([]responseRow, error) {
	list, err := u.Config.Responses.Responses(ctx, types.ResponseQuery{State: types.ResponseWaiting, Limit: responseRows})
	if err != nil {
		return nil, fmt.Errorf("reading what waits: %w", err)
	}
	var out []responseRow
	for i := range list {
		out = append(out, u.responseRow(&list[i]))
	}
	return out, nil
}

// responsesTo are those that an alert belongs to.
func (u *ui) responsesTo(ctx context.Context, alert string) (out []responseRow, err error) {
	if u.Config.Responses == nil {
		return nil, nil
	}
	list, err := u.Config.Responses.AlertResponses(ctx, alert)
	if err != nil {
		return nil, fmt.Errorf("reading an alert's responses: %w", err)
	}
	for i := range list {
		out = append(out, u.responseRow(&list[i]))
	}
	return out, nil
}
