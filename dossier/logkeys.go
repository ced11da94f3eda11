package dossier

import (
	"strings"

	"picket.internal/eat"
	"picket.internal/strictjson"
)

// logKeys are the key of the log that the trust store names, and those that the
// log itself says it has or had: a host may have seen a checkpoint that one of
// them has signed.
func (c *checker) logKeys() []string {
	keys := []string{c.keys.Trust.Log}
	name, _, _ := strings.Cut(c.keys.Trust.Log, "+")
	for key, records := range c.records {
		if !strings.HasPrefix(key, eat.EntryConfig+" "+eat.EventKey+"/") {
			continue
		}
		for _, r := range records {
			var change eat.LogChange
			if err := strictjson.Decode(r.doc, documentLimits, &change, func(string) {}); err != nil {
				continue
			}
			if vkey := change.LogKey(name); vkey != "" {
				keys = append(keys, vkey)
			}
		}
	}
	return keys
}
