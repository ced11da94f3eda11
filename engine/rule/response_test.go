package rule_test

import (
	"testing"
	"testing/fstest"

	"picket.internal/engine/rule"
)

// A name that no policy has is found in rules on trial too: they are not for ever.
func TestCheckResponsesFindsNamesThatNoPolicyHas(t *testing.T) {
	set, findings := rule.LoadFS(fstest.MapFS{
		"b.yaml": {Data: []byte("id: b.b\ntitle: B\nstatus: test\nseverity: low\non: [canary]\nwhere: canary.action == \"read\"\nresponse: [suspend, isolated]\n")},
		"a.yaml": {Data: []byte("id: a.a\ntitle: A\nstatus: test\nseverity: low\non: [canary]\nwhere: canary.action == \"read\"\nresponse: [page]\n")},
		"c.yaml": {Data: []byte("id: c.c\ntitle: C\nstatus: test\nseverity: low\non: [canary]\nwhere: canary.action == \"read\"\n")},
	})
	if set == nil {
		t.Fatal(findings)
	}
	sameAsGolden(t, "testdata/findings/unknown_policy.golden", rule.CheckResponses(set, []string{"isolate", "suspend"}))
}
