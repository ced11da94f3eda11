package web

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	types "picket.internal/api"
)

// hubBody is the hub's own state.
type hubBody struct {
	Status   types.Status
	Started  *Moment
	Source   Text
	Trouble  []Text // line by line
	Warnings []Text // line by line
	Counters []counter
}

type counter struct {
	Name  Text
	Value string
}

func (u *ui) hub(ctx context.Context, _ *http.Request) (*view, error) {
	status, err := u.Reader.Status(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading status: %w", err)
	}
	body := hubBody{Status: status, Started: u.moment(status.Started), Source: Text(status.Rules.Source)}
	if status.Rules.Error != "" {
		body.Trouble = texts(strings.Split(strings.TrimSpace(status.Rules.Error), "\n"))
	}
	body.Warnings = texts(status.Rules.Warnings)
	for _, name := range slices.Sorted(maps.Keys(status.Counters)) {
		body.Counters = append(body.Counters, counter{Text(name), number(status.Counters[name])})
	}
	return &view{Template: "hub", Title: "Hub", Nav: "hub", Live: "/live", Body: &body}, nil
}
