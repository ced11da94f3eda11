package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	types "picket.internal/api"
)

// answerTimeout bounds the work on one answer, follow streams aside.
const answerTimeout = 30 * time.Second

func (h *Handler) listAlerts(r *http.Request, out *reply) error {
	q, err := types.ParseAlertQuery(r.URL.Query())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
	defer cancel()
	alerts, err := h.reader.Alerts(ctx, q)
	if err != nil {
		return fmt.Errorf("reading alerts: %w", err)
	}
	return lines(out, alerts, tidyAlert)
}

func (h *Handler) showAlert(r *http.Request, out *reply) error {
	if err := noQuery(r); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
	defer cancel()
	alert, err := h.reader.Alert(ctx, r.PathValue("id"))
	if err != nil {
		return fmt.Errorf("reading alert: %w", err)
	}
	if h.responder != nil {
		if alert.Responses, err = h.responder.AlertResponses(ctx, alert.ID); err != nil {
			return fmt.Errorf("reading an alert's responses: %w", err)
		}
	}
	tidyAlert(&alert)
	return out.document(&alert)
}

func (h *Handler) alertFacts(r *http.Request, out *reply) error {
	q, err := types.ParseAlertFactsQuery(r.URL.Query())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
	defer cancel()
	facts, err := h.reader.AlertFacts(ctx, r.PathValue("id"), q)
	if err != nil {
		return fmt.Errorf("reading an alert's facts: %w", err)
	}
	if facts.Facts == nil {
		facts.Facts = []types.LinkedFact{}
	}
	for i := range facts.Facts {
		facts.Facts[i].Received = facts.Facts[i].Received.UTC()
	}
	return out.document(&facts)
}

func (h *Handler) listFacts(r *http.Request, out *reply) error {
	q, err := types.ParseFactQuery(r.URL.Query())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
	defer cancel()
	facts, err := h.reader.Facts(ctx, q)
	if err != nil {
		return fmt.Errorf("reading facts: %w", err)
	}
	return lines(out, facts, tidyFact)
}

func (h *Handler) listHosts(r *http.Request, out *reply) error {
	if err := noQuery(r); err != nil {
		return err
	}
	hosts, err := h.hosts(r.Context())
	if err != nil {
		return err
	}
	return lines(out, hosts, tidyHost)
}

func (h *Handler) status(r *http.Request, out *reply) error {
	if err := noQuery(r); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
	defer cancel()
	status, err := h.reader.Status(ctx)
	if err != nil {
		return fmt.Errorf("reading status: %w", err)
	}
	status.Started = status.Started.UTC()
	counters := h.Counters()
	for name, n := range status.Counters {
		counters[name] = n
	}
	status.Counters = counters
	return out.document(&status)
}

func (h *Handler) createEnrollToken(r *http.Request, out *reply) error {
	var req types.EnrollTokenRequest
	if err := decodeBody(r, out, &req); err != nil {
		return err
	}
	if err := req.Fill(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
	defer cancel()
	token, err := h.admin.CreateEnrollToken(ctx, req)
	if err != nil {
		return fmt.Errorf("making enroll token: %w", err)
	}
	token.Expires = token.Expires.UTC()
	h.log.Info("enroll token made", "id", token.ID, "uses", req.Uses, "expires", token.Expires)
	return out.document(&token)
}

// lines streams rows, each made fit for the wire first.
func lines[Row any](out *reply, rows []Row, tidy func(*Row)) error {
	for i := range rows {
		tidy(&rows[i])
		if err := out.line(&rows[i]); err != nil {
			return err
		}
	}
	return out.end()
}

// tidyAlert holds an alert to what strict clients ask for: lists that are
// there, times in UTC.
func tidyAlert(a *types.Alert) {
	if a.Facts == nil {
		a.Facts = []jsontext.Value{}
	}
	a.Time, a.Stored, a.Last = a.Time.UTC(), a.Stored.UTC(), a.Last.UTC()
}

func tidyFact(f *types.StoredFact) { f.Received = f.Received.UTC() }

func tidyHost(h *types.Host) { h.Enrolled, h.LastSeen = h.Enrolled.UTC(), h.LastSeen.UTC() }

// noQuery refuses parameters where none has a meaning.
func noQuery(r *http.Request) error {
	for name := range r.URL.Query() {
		return &types.QueryError{Param: "parameter", Value: name[:min(len(name), types.MaxText)], Reason: "no such parameter"}
	}
	return nil
}
