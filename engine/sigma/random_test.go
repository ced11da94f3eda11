package sigma

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"picket.internal/engine"
	"picket.internal/engine/rule"
)

// TestConditionsSayWhatSigmaSays holds the CEL that is written for random
// detections to the conversion's own reading of them, on random events.
func TestConditionsSayWhatSigmaSays(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 11))
	converted, compared, held := 0, 0, 0
	for range 400 {
		detection := randomDetection(r)
		c := &conversion{names: map[string]*document{}, ids: map[string]string{}}
		docs, err := c.read(File{"random.yml", []byte(detection)})
		if err != nil || docs[0].node.size() > 200 {
			continue
		}
		var facts []*yaml.Node
		var want []bool
		for range 12 {
			e := randomEvent(r, docs[0].source)
			facts = append(facts, factNode(docs[0].source, e))
			want = append(want, docs[0].node.holds(e))
		}
		p := newPairs()
		for key, value := range map[string]string{"id": "a.b", "title": "t", "status": "test", "severity": "low"} {
			p.set(key, text(value))
		}
		p.set("on", flowList([]string{"process"}))
		p.set("where", block(docs[0].node.render(docs[0].source.guard)))
		tests := testList()
		for i, f := range facts {
			tests.Content = append(tests.Content, testOf(fmt.Sprint(i), 1, f))
		}
		p.set("tests", tests)
		data, err := encode([]*yaml.Node{p.node})
		if err != nil {
			t.Fatal(err)
		}
		set, findings := rule.Load("random.yaml", data)
		if set == nil {
			if message := findings.String(); strings.Contains(message, "syntax") || strings.Contains(message, "type_mismatch") || strings.Contains(message, "unknown") {
				t.Fatalf("%s\n%s\n%s", detection, data, findings)
			}
			continue // what cannot be true, or costs too much, is refused
		}
		converted++
		for i, res := range rule.TestWith(set, engine.Player{}) {
			compared++
			if want[i] {
				held++
			}
			if (res.Got == 1) != want[i] || res.Got == 0 && res.Detail != "" {
				f, _ := encode([]*yaml.Node{facts[i]})
				t.Fatalf("%s\n%s%s says %d %s, the reading %v", detection, set.Rules()[0].Where, f, res.Got, res.Detail, want[i])
			}
		}
	}
	if converted < 120 || held < compared/20 || held > compared*19/20 {
		t.Errorf("%d converted, %d of %d comparisons held: that shows little", converted, held, compared)
	}
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// randomText is short, of few characters, so that texts meet one another.
func randomText(r *rand.Rand, alphabet string, most int) string {
	var b strings.Builder
	for range r.IntN(most + 1) {
		b.WriteRune([]rune(alphabet)[r.IntN(len([]rune(alphabet)))])
	}
	return b.String()
}

func randomDetection(r *rand.Rand) string {
	var b strings.Builder
	b.WriteString("title: t\nlogsource: {product: linux, category: process_creation}\ndetection:\n")
	names := []string{"a", "b", "c"}
	for _, name := range names {
		fmt.Fprintf(&b, "  %s:\n", name)
		used := map[string]bool{}
		for range 1 + r.IntN(2) {
			if key, values := randomItem(r); !used[key] {
				used[key] = true
				fmt.Fprintf(&b, "    %s: [%s]\n", key, strings.Join(values, ", "))
			}
		}
	}
	fmt.Fprintf(&b, "  condition: %s\n", randomCondition(r, names, 3))
	return b.String()
}

func randomItem(r *rand.Rand) (string, []string) {
	if r.IntN(5) == 0 {
		return "ProcessId" + pick(r, "", "|lt", "|lte", "|gt", "|gte", "|neq"), []string{fmt.Sprint(r.IntN(4))}
	}
	field := pick(r, "Image", "CommandLine", "User", "CurrentDirectory")
	modifiers := pick(r, "", "", "|contains", "|startswith", "|endswith", "|contains|all", "|cased", "|contains|cased", "|endswith|neq",
		"|windash|contains", "|re", "|re|i", "|fieldref", "|exists", "|base64offset|contains")
	switch {
	case strings.Contains(modifiers, "fieldref"):
		return field + modifiers, []string{pick(r, "Image", "CommandLine", "ParentImage")}
	case strings.Contains(modifiers, "exists"):
		return field + modifiers, []string{pick(r, "true", "false")}
	}
	var values []string
	for range 1 + r.IntN(3) {
		value := randomText(r, `aAb*?\-/ éÉ."$`, 4)
		if strings.HasPrefix(modifiers, "|re") {
			value = randomText(r, `aAbé.*+?^$|[]()`, 5)
		}
		values = append(values, "'"+value+"'")
	}
	if r.IntN(12) == 0 {
		values = append(values, "null")
	}
	return field + modifiers, values
}

func randomCondition(r *rand.Rand, names []string, depth int) string {
	if depth == 0 || r.IntN(3) == 0 {
		return pick(r, names[0], names[1], names[2], "1 of them", "all of them", "1 of a*")
	}
	switch r.IntN(3) {
	case 0:
		return "not " + randomCondition(r, names, depth-1)
	case 1:
		return "(" + randomCondition(r, names, depth-1) + ")"
	}
	return randomCondition(r, names, depth-1) + pick(r, " and ", " or ") + randomCondition(r, names, depth-1)
}

func randomEvent(r *rand.Rand, s *source) event {
	e := event{}
	for _, name := range []string{"Image", "CommandLine", "User", "CurrentDirectory", "ParentImage"} {
		if value := randomText(r, `aAb*?\-/ éÉ."$–YQ`, 5); value != "" && r.IntN(4) > 0 {
			e[s.fields[name]] = value
		}
	}
	if pid := r.IntN(5); pid > 0 {
		e[s.fields["ProcessId"]] = float64(pid)
	}
	return e
}
