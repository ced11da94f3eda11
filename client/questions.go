package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strings"

	"picket.internal/api"
)

// Alerts yields the alerts that q chooses, newest first, page by page as they
// are asked for. A q.Limit of 0 means all of them; it may exceed api.MaxLimit.
func (c *Client) Alerts(ctx context.Context, q api.AlertQuery) iter.Seq2[api.Alert, error] {
	page := func(after string, limit int) iter.Seq2[api.Alert, error] {
		q.After, q.Limit = after, limit
		if err := q.Validate(); err != nil {
			return failed[api.Alert](err)
		}
		return rows[api.Alert](ctx, c, api.PathAlerts, q.Values())
	}
	return named(c, "listing alerts", paged(q.After, q.Limit, page, func(a *api.Alert) string { return a.ID }))
}

// Facts yields the facts that q chooses, newest first, page by page as they
// are asked for. A q.Limit of 0 means all of them; it may exceed api.MaxLimit.
func (c *Client) Facts(ctx context.Context, q api.FactQuery) iter.Seq2[api.StoredFact, error] {
	page := func(after string, limit int) iter.Seq2[api.StoredFact, error] {
		q.After, q.Limit = after, limit
		if err := q.Validate(); err != nil {
			return failed[api.StoredFact](err)
		}
		return rows[api.StoredFact](ctx, c, api.PathFacts, q.Values())
	}
	return named(c, "querying facts", paged(q.After, q.Limit, page, func(f *api.StoredFact) string { return f.Cursor }))
}

// Hosts yields every host, by name.
func (c *Client) Hosts(ctx context.Context) iter.Seq2[api.Host, error] {
	return named(c, "listing hosts", rows[api.Host](ctx, c, api.PathHosts, nil))
}

// Inventories yields what the hub holds of a host, one an inventory.
func (c *Client) Inventories(ctx context.Context, hostID string) iter.Seq2[api.Inventory, error] {
	path := strings.Replace(api.PathInventories, "{id}", url.PathEscape(hostID), 1)
	return named(c, "listing inventories", rows[api.Inventory](ctx, c, path, nil))
}

// Inventory yields the entities of an inventory.
func (c *Client) Inventory(ctx context.Context, hostID, kind string) iter.Seq2[api.Entity, error] {
	path := strings.NewReplacer("{id}", url.PathEscape(hostID), "{kind}", url.PathEscape(kind)).Replace(api.PathInventory)
	return named(c, "listing an inventory", rows[api.Entity](ctx, c, path, nil))
}

// Alert returns one alert.
func (c *Client) Alert(ctx context.Context, id string) (api.Alert, error) {
	var a api.Alert
	path := strings.Replace(api.PathAlert, "{id}", url.PathEscape(id), 1)
	err := c.document(ctx, http.MethodGet, path, nil, nil, &a)
	if errors.Is(err, api.ErrNotFound) {
		return a, &Error{Doing: "showing alert", On: id, Err: explain(err, "there is no such alert"), Fix: "see the ids with `picket alerts list --json`"}
	}
	if err != nil {
		return a, c.fail("showing alert", err)
	}
	return a, nil
}

// AlertFacts returns a page of the facts that are linked to an alert, the newest
// first: those of its duplicates, then those that raised it.
func (c *Client) AlertFacts(ctx context.Context, id string, q api.AlertFactsQuery) (api.AlertFacts, error) {
	var facts api.AlertFacts
	path := strings.Replace(api.PathAlertFacts, "{id}", url.PathEscape(id), 1)
	err := q.Validate()
	if err == nil {
		err = c.document(ctx, http.MethodGet, path, q.Values(), nil, &facts)
	}
	if errors.Is(err, api.ErrNotFound) {
		return facts, &Error{Doing: "showing an alert's facts", On: id, Err: explain(err, "there is no such alert"), Fix: "see the ids with `picket alerts list --json`"}
	}
	if err != nil {
		return facts, c.fail("showing an alert's facts", err)
	}
	return facts, nil
}

// Status returns how the hub is.
func (c *Client) Status(ctx context.Context) (api.Status, error) {
	var s api.Status
	if err := c.document(ctx, http.MethodGet, api.PathStatus, nil, nil, &s); err != nil {
		return s, c.fail("asking for the hub's status", err)
	}
	return s, nil
}

// CreateEnrollToken makes a token that lets a host in.
func (c *Client) CreateEnrollToken(ctx context.Context, req api.EnrollTokenRequest) (api.EnrollTokenReply, error) {
	var reply api.EnrollTokenReply
	err := req.Fill()
	if err == nil {
		err = c.document(ctx, http.MethodPost, api.PathEnrollTokens, nil, &req, &reply)
	}
	if err != nil {
		return reply, c.fail("making an enroll token", err)
	}
	return reply, nil
}

// DisableHost shuts a host out: nothing of it is accepted any more.
func (c *Client) DisableHost(ctx context.Context, id string) (api.HostState, error) {
	return c.changeHost(ctx, "disabling host", api.PathHostDisable, id)
}

// EnableHost lets a host back in, or forgives a suspect one.
func (c *Client) EnableHost(ctx context.Context, id string) (api.HostState, error) {
	return c.changeHost(ctx, "enabling host", api.PathHostEnable, id)
}

// ApproveHost lets in a host that waits for it.
func (c *Client) ApproveHost(ctx context.Context, id string) (api.HostState, error) {
	return c.changeHost(ctx, "approving host", api.PathHostApprove, id)
}

// EnableRule switches a rule on again that the hub switched off.
func (c *Client) EnableRule(ctx context.Context, id string) (api.RuleState, error) {
	const doing = "enabling rule"
	var state api.RuleState
	path := strings.Replace(api.PathRuleEnable, "{id}", url.PathEscape(id), 1)
	err := c.document(ctx, http.MethodPost, path, nil, nil, &state)
	if errors.Is(err, api.ErrNotFound) {
		return state, &Error{Doing: doing, On: id, Err: explain(err, "the hub runs no such rule"), Fix: "see the ids with `picket rules shadow --all`"}
	}
	if err != nil {
		return state, c.fail(doing, err)
	}
	return state, nil
}

func (c *Client) changeHost(ctx context.Context, doing, pattern, id string) (api.HostState, error) {
	var state api.HostState
	path := strings.Replace(pattern, "{id}", url.PathEscape(id), 1)
	err := c.document(ctx, http.MethodPost, path, nil, nil, &state)
	if errors.Is(err, api.ErrNotFound) {
		return state, &Error{Doing: doing, On: id, Err: explain(err, "there is no such host"), Fix: "see the ids with `picket hosts list`"}
	}
	if err != nil {
		return state, c.fail(doing, err)
	}
	return state, nil
}

func explain(cause error, words string) error { return &explained{words, cause} }

// rows asks for a stream that ends. It is read whole before the first row is
// handed out: a reader who takes his time, as in a pager, holds up nobody.
func rows[Row any](ctx context.Context, c *Client, path string, query url.Values) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		list, err := collect[Row](ctx, c, path, query)
		for _, row := range list {
			if !yield(row, nil) {
				return
			}
		}
		if err != nil {
			failed[Row](err)(yield)
		}
	}
}

// collect returns what was read, also where an error ended it.
func collect[Row any](ctx context.Context, c *Client, path string, query url.Values) ([]Row, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	resp, err := c.do(ctx, http.MethodGet, path, query, nil, api.TypeStream)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var list []Row
	for line, err := range documents(resp.Body) {
		var row Row
		if err == nil {
			err = decode(line, &row)
		}
		if err != nil {
			return list, err
		}
		list = append(list, row)
	}
	return list, nil
}

// paged puts pages together. A page with fewer rows than were asked for is the
// last one.
func paged[Row any](after string, total int, page func(after string, limit int) iter.Seq2[Row, error], cursor func(*Row) string) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		if total < 0 {
			failed[Row](fmt.Errorf("%w: malformed limit %d", api.ErrMalformed, total))(yield)
			return
		}
		for left := total; ; {
			limit := api.MaxLimit
			if total > 0 {
				limit = min(left, limit)
			}
			n := 0
			for row, err := range page(after, limit) {
				if !yield(row, err) || err != nil {
					return
				}
				after = cursor(&row)
				n++
			}
			if left -= n; n < limit || total > 0 && left <= 0 {
				return
			}
		}
	}
}

// named gives the errors of a sequence the name of what was being done.
func named[Row any](c *Client, doing string, seq iter.Seq2[Row, error]) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for row, err := range seq {
			if err != nil {
				err = c.fail(doing, err)
			}
			if !yield(row, err) {
				return
			}
		}
	}
}

func failed[Row any](err error) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		var zero Row
		yield(zero, err)
	}
}

// Dossier returns an alert with all that shows it, as the hub wrote it: package
// dossier reads it. The hub's bytes are passed on unchanged, so that who keeps
// them keeps what the hub said.
func (c *Client) Dossier(ctx context.Context, id string) ([]byte, error) {
	const doing = "exporting an alert"
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	resp, err := c.do(ctx, http.MethodGet, strings.Replace(api.PathAlertDossier, "{id}", url.PathEscape(id), 1), nil, nil, api.TypeJSON)
	if errors.Is(err, api.ErrNotFound) {
		return nil, &Error{Doing: doing, On: id, Err: explain(err, "there is no such alert"), Fix: "see the ids with `picket alerts list --json`"}
	}
	if err != nil {
		return nil, c.fail(doing, err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, api.MaxDossier+1))
	if err == nil && len(data) > api.MaxDossier {
		err = fmt.Errorf("%w: more than %d bytes", errAnswer, api.MaxDossier)
	}
	if err != nil {
		return nil, c.fail(doing, err)
	}
	return data, nil
}
