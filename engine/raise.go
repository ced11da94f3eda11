package engine

import (
	"errors"
	"fmt"
	"time"

	"picket.internal/engine/rule"
	"picket.internal/engine/suppress"
	"picket.internal/engine/window"
	"picket.internal/fact"
)

// alert makes the alert of a match, or, for a duplicate, the little that tells
// which alert it belongs to: a flood of duplicates must stay cheap.
func (e *Engine) alert(in *Input, entry *Entry, firing *window.Firing, now time.Time) Alert {
	r, h := entry.Rule, entry.health
	alert := bare(in, r)
	alert.Shadow = r.Shadow()
	if firing != nil {
		remembered(&alert, r, firing)
	}
	if key, ok := keyOf(in, r, firing); ok {
		alert.Key = key.String()
		alert.Suppressed = firing != nil && firing.Continued
		if r.Suppress != nil && !alert.Suppressed {
			alert.SuppressFor = r.Suppress.For
			alert.Suppressed = !e.recent.Admit(key, in.Fact.ID, now, r.Suppress.For)
		}
		if alert.Suppressed {
			h.suppressed.Add(1)
			return alert
		}
	}
	if !alert.Shadow { // a rule on trial acts on nothing
		alert.Response = r.Response
	}
	if err := describe(&alert, r, in.vars); err != nil {
		h.failed(err)
	}
	return alert
}

// describe adds what the alert says. Whatever goes wrong here, the alert is
// raised: an error is only counted, and so is a panic.
func describe(alert *Alert, r *rule.Rule, vars *rule.Vars) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("describing the alert: %v", p)
		}
	}()
	var scoreErr, sayErr, explainErr error
	alert.Score, scoreErr = r.ScoreOf(vars)
	alert.Message, sayErr = r.RenderMessage(vars)
	if r.Where != "" && alert.Facts != nil {
		alert.Values, explainErr = r.Explain(vars)
	}
	return errors.Join(scoreErr, sayErr, explainErr)
}

// bare is what every alert has, duplicates and failures too.
func bare(in *Input, r *rule.Rule) Alert {
	a := Alert{Rule: refOf(r), Severity: r.Severity, Score: r.Score, Host: in.Fact.Host, Time: in.Fact.Time}
	if in.Fact.Kind != "" {
		a.Facts = []*fact.Fact{in.Fact}
	}
	return a
}

// failure counts a rule that failed and, now and then, returns it. Facts about
// failing rules are the exception: they would make more of themselves.
func (e *Engine) failure(alerts []Alert, in *Input, m Match, now time.Time) []Alert {
	r, h := m.Entry.Rule, m.Entry.health
	h.failed(m.Err)
	var problem *rule.EvalError
	if errors.As(m.Err, &problem) && problem.ID == rule.ErrPanic && !h.disabled.Swap(true) {
		e.cfg.logger().Error("a rule panicked and is disabled", "rule", r.ID, "file", r.File, "error", m.Err)
	}
	if exceeded(m.Err) {
		h.exceeded.Add(1)
		if whom := h.breaker.strike(in.Fact.Host.ID, now); whom != "" {
			e.cfg.logger().Error("a rule keeps exceeding its bound and is switched off", "rule", r.ID, "file", r.File, "for", whom, "error", m.Err)
			alert := bare(in, r)
			alert.Error, alert.Shadow = offError(whom, m.Err), r.Shadow()
			return append(alerts, alert)
		}
	}
	if in.Fact.Kind == fact.KindFleet && in.Fact.Action() == fact.FleetRuleFailing {
		return alerts
	}
	key := suppress.NewKey(r.ID, in.Fact.Host.ID, nil).Failure()
	if !e.recent.Admit(key, in.Fact.ID, now, e.cfg.errorEvery()) {
		return alerts
	}
	alert := bare(in, r)
	alert.Error, alert.Shadow = m.Err.Error(), r.Shadow()
	return append(alerts, alert)
}
