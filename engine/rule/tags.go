package rule

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// AttackVersion is the version of ATT&CK that tags are held against.
const AttackVersion = "19"

// tactics are those of MITRE ATT&CK for Enterprise, version 19, as Sigma writes
// them; underscores, which Sigma wrote formerly, are taken for hyphens.
var tactics = []string{
	"reconnaissance", "resource-development", "initial-access", "execution", "persistence", "privilege-escalation",
	"stealth", "defense-impairment", "credential-access", "discovery", "lateral-movement", "collection",
	"command-and-control", "exfiltration", "impact",
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
		name = strings.ReplaceAll(name, "_", "-")
		if ok && !attackID.MatchString(name) && !slices.Contains(tactics, name) {
			hint := didYouMean(name, tactics)
			if name == "defense-evasion" {
				hint = "version 19 has stealth and defense-impairment in its place"
			}
			w.warn(CodeUnknownTag, p, fmt.Sprintf("ATT&CK has no tactic %q", name), hint)
		}
		if message, hint := techniqueProblem(name); ok && message != "" {
			w.warn(CodeUnknownTag, p, message, hint)
		}
	}
	return tags
}
