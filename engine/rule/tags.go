package rule

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// tactics are those of MITRE ATT&CK for Enterprise, as Sigma writes them.
var tactics = []string{
	"reconnaissance", "resource_development", "initial_access", "execution", "persistence", "privilege_escalation",
	"defense_evasion", "credential_access", "discovery", "lateral_movement", "collection", "command_and_control",
	"exfiltration", "impact",
}

// attackID is a technique, group, software or data source.
var attackID = regexp.MustCompile(`^(t\d{4}(\.\d{3})?|[gs]\d{4}|ds\d{4})$`)

func (w *walker) tags(n *yaml.Node) []string {
	tags := w.words(n, "tags")
	if len(tags) != len(n.Content) {
		return tags
	}
	for i, tag := range tags {
		p := at(n.Content[i])
		if !tagForm.MatchString(tag) {
			w.fail(CodeBadValue, p, fmt.Sprintf("malformed tag %q", tag), "write a namespace and a name, as in attack.t1552.001")
			continue
		}
		name, ok := strings.CutPrefix(tag, "attack.")
		if ok && !attackID.MatchString(name) && !slices.Contains(tactics, name) {
			w.warn(CodeUnknownTag, p, fmt.Sprintf("ATT&CK has no tactic %q", name), didYouMean(name, tactics))
		}
	}
	return tags
}
