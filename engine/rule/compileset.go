package rule

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/google/cel-go/cel"
)

// language is the environment that the documents of one set are compiled in.
type language struct {
	env    *cel.Env
	lists  map[string]*constList
	known  map[string]*List
	macros map[string]*Macro
}

// expression is the start of compiling one expression in the language.
func (g *language) expression(w *walker, est *estimator) expression {
	return expression{w: w, env: g.env, est: est, in: g.known, macros: g.macros, used: map[string]bool{}}
}

// compile builds the language of this set, with its lists and macros, and
// compiles everything else in it.
func (l *loader) compile() error {
	g, err := l.language()
	if err != nil {
		return err
	}
	for _, r := range l.rules {
		r.Pack = packOf(r.File, l.packs)
	}
	l.compileMacros(g)
	l.attachTests()
	results := make([]compiled, len(l.rules))
	each(len(l.rules), func(i int) { results[i] = l.compileRule(g, l.rules[i]) })
	for _, c := range results {
		l.findings = append(l.findings, c.findings...)
		for name := range c.used {
			l.used[name] = true
		}
	}
	l.compileFilters(g)
	l.correlate()
	if err := l.versions(results); err != nil {
		return err
	}
	l.duplicates(results)
	l.unused()
	return nil
}

// language declares the lists: those of the set, and those of single rules
// under names that no rule can write.
func (l *loader) language() (*language, error) {
	base, err := baseEnv()
	if err != nil {
		return nil, err
	}
	g := &language{env: base, lists: map[string]*constList{}, known: l.lists, macros: l.macros}
	var options []cel.EnvOption
	for _, name := range slices.Sorted(maps.Keys(l.lists)) {
		if list := l.lists[name]; list.value != nil {
			g.lists[name] = list.value
			options = append(options, list.value.option(name))
		}
	}
	for i, r := range l.rules {
		d := r.document
		if len(d.lists) > 0 {
			d.prefix = fmt.Sprintf("@%d.", i)
		}
		for _, name := range slices.Sorted(maps.Keys(d.lists)) {
			g.lists[d.prefix+name] = d.lists[name].value
			options = append(options, d.lists[name].value.option(d.prefix+name))
		}
	}
	if len(options) > 0 {
		g.env, err = base.Extend(options...)
	}
	return g, err
}

// unused finds what nobody reads, where nothing worse was found.
func (l *loader) unused() {
	if l.findings.HasErrors() {
		return
	}
	for _, list := range byName(l.lists) {
		if !l.used[listPrefix+list.Name] {
			l.findings = append(l.findings, list.src.finding(LevelWarning, CodeUnusedList, place{list.Line, 1}, fmt.Sprintf("no rule reads the list %s", list.Name), ""))
		}
	}
	for _, m := range byName(l.macros) {
		if !l.used[macroPrefix+m.Name] {
			l.findings = append(l.findings, m.src.finding(LevelWarning, CodeUnusedMacro, place{m.Line, 1}, fmt.Sprintf("no rule reads the macro %s", m.Name), ""))
		}
	}
}

// compileFilters compiles the filters and hands each to the rules that it
// selects.
func (l *loader) compileFilters(g *language) {
	for _, f := range l.filters {
		w := &walker{src: f.src}
		if f.Where != "" {
			e := g.expression(w, newEstimator(g.lists))
			e.what, e.text = "the condition", f.src.scalarText(f.node)
			e.src = e.text.value
			f.guard = e.guard()
			maps.Copy(l.used, e.used)
		}
		selected := 0
		for _, r := range l.rules {
			if f.Applies(r) {
				selected++
				r.Filters = append(r.Filters, f)
			}
		}
		if selected == 0 && !w.findings.HasErrors() {
			w.warn(CodeUnusedFilter, place{f.Line, 1}, fmt.Sprintf("the filter %s selects no rule", f.Name), l.selectorHint(f))
		}
		w.expiry("the filter", f.Name, place{f.Line, 1}, f.Expires, l.Now)
		l.findings = append(l.findings, w.findings...)
		f.src, f.node, f.nodes = nil, nil, nil
	}
}

func (l *loader) selectorHint(f *Filter) string {
	for _, id := range f.Rules {
		if l.ids[id] == nil {
			return didYouMean(id, slices.Sorted(maps.Keys(l.ids)))
		}
	}
	return ""
}

// versions digests what decides when each rule alerts and what it says then;
// what a correlation reads belongs to it.
func (l *loader) versions(results []compiled) error {
	for i, r := range l.rules {
		v, err := version(r, results[i].sources)
		if err != nil {
			return err
		}
		r.Version = v
	}
	done := map[*Rule]bool{}
	var visit func(r *Rule)
	visit = func(r *Rule) {
		if done[r] || r.Correlation == nil {
			return
		}
		done[r] = true // set first: cycles were refused, and must not hang here
		text := r.Version
		for _, id := range r.Correlation.Rules {
			if other := l.ids[id]; other != nil {
				visit(other)
				text += " " + other.Version
			}
		}
		r.Version = digest([]byte(text))
	}
	for _, r := range l.rules {
		visit(r)
	}
	return nil
}

func version(r *Rule, sources map[string][]string) (string, error) {
	data, err := json.Marshal(struct {
		ID, Title, Status, Severity string
		Score                       float64
		Tags, On                    any
		Where, Message              string
		Suppress                    *Suppress
		Response                    []string
		Lists                       map[string][]string
		More                        any `json:",omitempty"`
	}{r.ID, r.Title, string(r.Status), r.Severity, r.Score, r.Tags, r.On, r.Where, r.Message, r.Suppress, r.Response, sources, r.more()})
	if err != nil {
		return "", errors.New("writing the rule's version: " + err.Error())
	}
	return digest(data), nil
}

// more is what of the version only some rules have.
func (r *Rule) more() any {
	var tunings []any
	for _, e := range r.Exceptions {
		tunings = append(tunings, []any{e.Name, e.Where, e.Expires})
	}
	for _, f := range r.Filters {
		tunings = append(tunings, []any{f.Name, f.Where, f.Expires})
	}
	if tunings == nil && !r.Stateful() && r.ScoreWhere == "" && !r.Alone && r.Source == nil {
		return nil
	}
	return []any{tunings, r.Correlation, r.NewTerms, r.Absence, r.Risk, r.ScoreWhere, r.Alone, r.Source}
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])[:12]
}
