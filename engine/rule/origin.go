package rule

import "go.yaml.in/yaml/v3"

// Source says where a rule came from. It travels into every alert.
type Source struct {
	Name    string `json:"name"`
	URL     string `json:"url,omitempty"`
	Licence string `json:"licence,omitempty"`
}

func (w *walker) source(n *yaml.Node) *Source {
	entries, ok := w.mapping(n, "a source", []string{"name", "url", "licence"})
	if !ok {
		return nil
	}
	s := &Source{}
	for _, e := range entries {
		text, _ := w.str(e.value, e.key.Value, maxText)
		switch e.key.Value {
		case "name":
			s.Name = text
		case "url":
			s.URL = text
		case "licence":
			s.Licence = text
		}
	}
	if s.Name == "" {
		w.fail(CodeMissingKey, at(n), "a source has no name", "")
	}
	return s
}
