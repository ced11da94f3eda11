package rule

import (
	"bytes"
	"encoding/json"
	"fmt"

	"go.yaml.in/yaml/v3"

	"picket.internal/fact"
)

// MaxFactDocument bounds a document that holds one fact.
const MaxFactDocument = 1 << 20

// ReadFact reads one fact from a document: JSON as a host sent it, or YAML in
// the shape of tests, in which what no rule cares about may be left out. Both
// may stand under the key fact, as `picket facts query --json` prints it, and
// have what the hub knows beside it under the key prevalence.
func ReadFact(name string, data []byte) (*fact.Fact, *fact.Prevalence, Findings) {
	w := &walker{src: newSource(name, data)}
	docs := w.documentsUpTo(data, MaxFactDocument)
	if len(w.findings) == 0 && len(docs) != 1 {
		w.findings = append(w.findings, Finding{Code: CodeFactFile, Level: LevelError, File: name, Message: fmt.Sprintf("there is not one document, but %d", len(docs))})
	}
	if len(w.findings) > 0 {
		return nil, nil, w.findings
	}
	node, prevalence := docs[0], (*fact.Prevalence)(nil)
	if inner := valueOf(node, "fact"); inner != nil {
		if p := valueOf(node, "prevalence"); p != nil {
			prevalence = w.testPrevalence(p)
		}
		node = inner
	}
	f := signedFact(data)
	if f == nil {
		f = w.testFact(node, 0, testStart)
	}
	if len(w.findings) > 0 {
		return nil, nil, w.findings
	}
	return f, prevalence, nil
}

// signedFact reads a fact as a host sent it, or one within a stored fact; nil
// where it is none. A field that this program does not know is let pass, as on
// the hub.
func signedFact(data []byte) *fact.Fact {
	var stored struct {
		Fact json.RawMessage `json:"fact"`
	}
	if err := json.Unmarshal(data, &stored); err == nil && len(stored.Fact) > 0 {
		data = stored.Fact
	}
	f, _, err := fact.Parse(bytes.TrimSpace(data))
	if err != nil || f.Validate() != nil {
		return nil
	}
	return f
}

// valueOf is the value of a key of a mapping, nil where there is none.
func valueOf(n *yaml.Node, key string) *yaml.Node {
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}
