package hub

import (
	"context"

	types "picket.internal/api"
)

// Dossier is an alert with all that shows it: the rules are those that run,
// where the alert's is among them as it was, or else those that the log says ran
// when the alert was stored.
func (r responder) Dossier(ctx context.Context, id string) (types.Dossier, error) {
	alert, err := r.store.Alert(ctx, id)
	if err != nil {
		return types.Dossier{}, err
	}
	version, files := r.rules.holding(alert.Rule.ID, alert.Rule.Version)
	if version == "" {
		if version, files, err = r.store.RulesAt(ctx, alert.Stored); err != nil {
			return types.Dossier{}, err
		}
	}
	d, err := r.store.Dossier(ctx, id, version)
	d.Rules = files
	return d, err
}

// holding is the running set with its files, where the rule with the id is in
// it in just that version.
func (r *rules) holding(id, version string) (set string, files []types.RuleFile) {
	running := r.engine.Set()
	if running == nil {
		return "", nil
	}
	if one, ok := running.Rule(id); !ok || one.Version != version {
		return "", nil
	}
	files = r.documents()
	if r.engine.Set() != running { // swapped meanwhile: the files may be the new ones
		return "", nil
	}
	return running.Version(), files
}
