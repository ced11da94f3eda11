package rule

import (
	"fmt"
	"slices"
)

// CheckResponses finds the rules of a set that name a response policy which is
// not among policies: their alerts would lead to less than they say. Which there
// are the caller knows.
func CheckResponses(set *Set, policies []string) Findings {
	var out Findings
	for _, r := range set.Rules() {
		for _, name := range r.Response {
			if !slices.Contains(policies, name) {
				out = append(out, r.Finding(LevelWarning, CodeUnknownPolicy, fmt.Sprintf("there is no response policy %q", name), didYouMean(name, policies)))
			}
		}
	}
	out.sort()
	return out
}
