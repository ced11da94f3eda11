package local

import (
	"picket.internal/api"
)

func newReporter(cfg Config) reporter {
	if cfg.JSON {
		return jsonWriter{cfg.Out}
	}
	return &text{}
}

type text struct{}

func (*text) ready(Ready) error      { return nil }
func (*text) alert(*api.Alert) error { return nil }
func (*text) child(Child) error      { return nil }
