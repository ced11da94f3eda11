package apitest

import (
	"context"

	"picket.internal/api"
	"picket.internal/fact"
)

// HostKinds are those of the facts that were added, the newest of each.
func (m *Memory) HostKinds(context.Context) ([]api.HostKind, error) {
	if m.Err != nil {
		return nil, m.Err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []api.HostKind
	at := map[[2]string]int{}
	for _, s := range m.facts {
		f, _, err := fact.Parse(s.Fact)
		if err != nil {
			return nil, err
		}
		key := [2]string{f.Host.ID, string(f.Kind)}
		if i, ok := at[key]; !ok {
			at[key] = len(out)
			out = append(out, api.HostKind{HostID: key[0], Kind: key[1], Last: f.Time})
		} else if f.Time.After(out[i].Last) {
			out[i].Last = f.Time
		}
	}
	return out, nil
}
