package dossier

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"picket.internal/api"
	"picket.internal/eat"
	"picket.internal/engine"
	"picket.internal/engine/rule"
)

// rule loads the rules, holds them to the log, and plays the facts to them.
func (c *checker) rule() {
	a := &c.d.Alert
	if len(c.d.Rules) == 0 {
		c.say(NotShown, "rule", "the text of %s, version %s, is not in the dossier", a.Rule.ID, a.Rule.Version)
		return
	}
	set, err := load(c.d.Rules)
	if err != nil {
		c.say(False, "rule", "the rules do not load: %v", err)
		return
	}
	r, ok := set.Rule(a.Rule.ID)
	switch {
	case !ok:
		c.say(False, "rule", "there is no rule %.80q among the rules", a.Rule.ID)
		return
	case r.Version != a.Rule.Version:
		c.say(False, "rule", "the text of %s is version %s, and the alert is of version %.80s", r.ID, r.Version, a.Rule.Version)
		return
	case r.Title != a.Rule.Title || r.Severity != a.Rule.Severity || string(r.Status) != a.Rule.Status || r.Shadow() != a.Shadow || !slices.Equal(r.Tags, a.Rule.Tags):
		c.say(False, "rule", "the alert names title, status, severity or tags otherwise than the text of %s", r.ID)
		return
	}
	logged := slices.ContainsFunc(c.changes("rules.loaded", ""), func(one eat.LogChange) bool { return one.Detail["version"] == set.Version() })
	if !logged {
		c.say(False, "rule", "the log does not say that the hub ran the rules %s", set.Version())
		return
	}
	c.say(OK, "rule", "%s, version %s, of the rules %s, which the hub ran, says the log", r.ID, r.Version, set.Version())
	c.evaluate(set, r)
}

// load loads rules from their files. They are packed and opened again: an
// archive is the folder of the standard library that is nowhere.
func load(files []api.RuleFile) (*rule.Set, error) {
	texts := map[string]string{}
	for _, f := range files {
		if _, twice := texts[f.Name]; twice || !fs.ValidPath(f.Name) {
			return nil, fmt.Errorf("malformed or repeated name %.80q of a file", f.Name)
		}
		texts[f.Name] = f.Text
	}
	var packed bytes.Buffer
	w := zip.NewWriter(&packed)
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		entry, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err == nil {
			_, err = entry.Write([]byte(texts[name]))
		}
		if err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	folder, err := zip.NewReader(bytes.NewReader(packed.Bytes()), int64(packed.Len()))
	if err != nil {
		return nil, err
	}
	set, findings := rule.LoadFS(folder)
	if set == nil {
		return nil, findings.Err()
	}
	return set, nil
}

// evaluate plays the facts that raised the alert to an engine that knows
// nothing else, and holds what comes out to the alert.
func (c *checker) evaluate(set *rule.Set, r *rule.Rule) {
	a := &c.d.Alert
	if len(c.raised) == 0 {
		c.say(NotShown, "evaluation", "no fact that raised the alert is there to be played")
		return
	}
	e := engine.New(engine.Config{MaxKeys: 1, ErrorEvery: math.MaxInt64})
	e.Load(set)
	var found *engine.Alert
	keep := func(alerts []engine.Alert) {
		for i := range alerts {
			one := &alerts[i]
			if one.Rule.ID == r.ID && one.Error == "" && !one.Suppressed && (one.Window == nil || !one.Window.Firing.Continued) {
				found = one
			}
		}
	}
	var last time.Time
	for i, p := range c.raised {
		f := *p.fact
		if f.Host.ID == a.Host.ID {
			f.Host.Name = a.Host.Name // as the hub knows it; no sensor says it of a fact
		}
		if r.Stateful() {
			keep(e.Advance(p.received))
		}
		keep(e.Process(&engine.Input{Fact: &f, Ref: fmt.Sprint(i)}, p.received))
		last = p.received
	}
	if r.Stateful() {
		keep(e.Advance(last))
	}
	switch {
	case found == nil && r.Stateful():
		c.say(NotShown, "evaluation", "the rule looks at more than the %s that are here, and does not fire on them alone", plural(len(c.raised), "fact"))
	case found == nil && c.readsFleet(r):
		c.say(NotShown, "evaluation", "the rule reads how common a program is in the fleet, which only the hub knows")
	case found == nil:
		c.say(False, "evaluation", "the rule does not match the facts")
	default:
		c.compare(r, found)
	}
}

// compare holds what the engine says now to what the alert says.
func (c *checker) compare(r *rule.Rule, found *engine.Alert) {
	a := &c.d.Alert
	var differs []string
	note := func(what string, same bool) {
		if !same {
			differs = append(differs, what)
		}
	}
	note("severity", a.Severity == found.Severity)
	note("score", math.Abs(a.Score-found.Score) < 1e-9)
	note("message", a.Message == found.Message)
	note("time", a.Time.Equal(found.Time))
	note("host", a.Host.ID == found.Host.ID)
	note("values", maps.Equal(a.Values, found.Values))
	switch {
	case len(differs) == 0 && r.Stateful():
		c.say(OK, "evaluation", "the rule fires on the %s that are here, with the same severity, score and message", plural(len(c.raised), "fact"))
	case len(differs) == 0:
		c.say(OK, "evaluation", "the rule matches the fact, with the same severity, score, message and values")
	case r.Stateful():
		c.say(NotShown, "evaluation", "the rule fires on the %s that are here, with another %s: the hub had counted more", plural(len(c.raised), "fact"), strings.Join(differs, ", "))
	case c.readsFleet(r):
		c.say(NotShown, "evaluation", "the rule matches with another %s: it reads how common a program is in the fleet, which only the hub knows", strings.Join(differs, ", "))
	default:
		c.say(False, "evaluation", "the rule gives another %s than the alert says", strings.Join(differs, ", "))
	}
}

// readsFleet reports whether the rule asks for what is in no fact.
func (c *checker) readsFleet(r *rule.Rule) bool {
	if slices.ContainsFunc(r.Reads(), func(name string) bool { return name == "prevalence" || strings.HasPrefix(name, "prevalence.") }) {
		return true
	}
	return strings.Contains(r.Message, "prevalence.")
}
