package api

import (
	"context"
	"fmt"
	"net/http"

	types "picket.internal/api"
)

// listRules answers with the rules that run, one a line.
func (h *Handler) listRules(r *http.Request, out *reply) error {
	if err := noQuery(r); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
	defer cancel()
	rules, err := h.reader.Rules(ctx)
	if err != nil {
		return fmt.Errorf("reading rules: %w", err)
	}
	return lines(out, rules, func(rule *types.RunningRule) { rule.LastAlert = rule.LastAlert.UTC() })
}

// listFilters answers with the filters of the running rules, one a line.
func (h *Handler) listFilters(r *http.Request, out *reply) error {
	if err := noQuery(r); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
	defer cancel()
	filters, err := h.reader.Filters(ctx)
	if err != nil {
		return fmt.Errorf("reading filters: %w", err)
	}
	return lines(out, filters, func(*types.RunningFilter) {})
}

// listRuleFiles answers with the files that the running rules were loaded from,
// one a line.
func (h *Handler) listRuleFiles(r *http.Request, out *reply) error {
	if err := noQuery(r); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
	defer cancel()
	files, err := h.reader.RuleFiles(ctx)
	if err != nil {
		return fmt.Errorf("reading rules: %w", err)
	}
	return lines(out, files, func(*types.RuleFile) {})
}

// enableRule switches a rule on again that was switched off for exceeding its
// bound.
func (h *Handler) enableRule(r *http.Request, out *reply) error {
	if err := noQuery(r); err != nil {
		return err
	}
	if err := noBody(r, out); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
	defer cancel()
	id := r.PathValue("id")
	if err := h.admin.EnableRule(ctx, id); err != nil {
		return fmt.Errorf("enabling rule: %w", err)
	}
	h.log.Info("rule enabled", "rule", id)
	return out.document(&types.RuleState{ID: id, Enabled: true})
}
