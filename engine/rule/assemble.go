package rule

import (
	"fmt"
	"maps"
	"slices"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
)

// compileRule turns a draft into a rule that can be evaluated. What is wrong
// with the draft becomes findings; the error is for what should never happen.
func (l *loader) compileRule(env *cel.Env, pack map[string]*constList, r *Rule) error {
	d := r.document
	w := &walker{src: d.src}
	defer func() { l.findings = append(l.findings, w.findings...) }()

	lists, known, env, err := l.withLocal(env, pack, d, w)
	if err != nil {
		return err
	}
	used := map[string]bool{}
	d.env, d.est = env, &estimator{lists: lists, programs: map[string]int{}}
	base := expression{w: w, env: env, est: d.est, in: known, used: used}
	for _, k := range r.On {
		base.on = append(base.on, string(k))
	}
	if d.where != nil && r.Where != "" {
		condition(base, r)
	}
	if r.Message != "" {
		e := base
		e.what, e.text = "the message", d.messageText(r)
		r.message = e.template()
	}
	suppressFields(w, r)
	requireTests(w, r)
	usedLists := map[string]*constList{}
	for name := range used {
		l.used[name] = true
		usedLists[name] = lists[name]
	}
	for _, name := range slices.Sorted(maps.Keys(d.lists)) {
		if !used[name] && !Findings(w.findings).HasErrors() {
			w.warn(CodeUnusedList, at(d.listKeys[name]), fmt.Sprintf("the rule does not read its list %s", name), "")
		}
	}
	r.Version, err = version(r, usedLists)
	return err
}

// messageText is the message with its places; the title, which is the message
// where there is none, is reported at the top of the rule.
func (d *document) messageText(r *Rule) *text {
	if d.message == nil {
		return &text{value: r.Message, start: place{r.Line, 1}}
	}
	return d.src.scalarText(d.message)
}

// withLocal adds the rule's own lists to the language.
func (l *loader) withLocal(env *cel.Env, pack map[string]*constList, d *document, w *walker) (map[string]*constList, map[string]*List, *cel.Env, error) {
	if len(d.lists) == 0 {
		return pack, l.lists, env, nil
	}
	lists, known := maps.Clone(pack), maps.Clone(l.lists)
	var options []cel.EnvOption
	for _, name := range slices.Sorted(maps.Keys(d.lists)) {
		list := d.lists[name]
		if other, twice := l.lists[name]; twice {
			w.fail(CodeDuplicateID, at(d.listKeys[name]), fmt.Sprintf("there is a list %s for all rules already", name),
				fmt.Sprintf("the other is in %s, line %d", other.File, other.Line))
			continue
		}
		lists[name], known[name] = list.value, list
		options = append(options, list.value.option(name))
	}
	env, err := env.Extend(options...)
	return lists, known, env, err
}

// condition compiles what decides whether the rule matches.
func condition(base expression, r *Rule) {
	d := r.document
	e := base
	e.what, e.condition = "the condition", true
	e.text = d.src.scalarText(d.where)
	e.src = e.text.value
	checked := e.compile()
	if checked == nil {
		return
	}
	if checked.OutputType().Kind() != types.BoolKind {
		p := e.startOf(checked.NativeRep(), checked.NativeRep().Expr())
		e.w.fail(CodeNotBool, p, fmt.Sprintf("the condition gives %s, not true or false", cel.FormatCELType(checked.OutputType())), "compare it with something")
		return
	}
	prog, err := newProgram(e.env, checked, e.est, false)
	if err != nil {
		e.w.fail(CodeType, e.text.place(0), err.Error(), "")
		return
	}
	r.when, r.Cost, d.ast = prog, e.cost, checked
	r.setNeed(checked, d.est.lists)
}

// suppressFields resolves the fields that duplicates have in common.
func suppressFields(w *walker, r *Rule) {
	if r.Suppress == nil || len(r.Suppress.By) != len(r.document.by) {
		return
	}
	s := factSchema()
	for i, name := range r.Suppress.By {
		p, f, ok := s.pathTo(name)
		n := r.document.by[i]
		switch {
		case !ok:
			w.fail(CodeUnknownField, at(n), fmt.Sprintf("there is no field %q", name), fieldHint(name))
		case !slices.Contains(plainForms, f.form):
			w.fail(CodeType, at(n), fmt.Sprintf("duplicates cannot be told by %s: it is no single value", name), "")
		default:
			r.by = append(r.by, p)
		}
	}
}

// requireTests asks for proof that a rule fires and that it stays silent.
func requireTests(w *walker, r *Rule) {
	if r.document.broken || w.findings.HasErrors() {
		return // first things first: there is nothing yet that could be tested
	}
	fires, silent := false, false
	for _, t := range r.Tests {
		fires = fires || t.Alerts > 0
		silent = silent || t.Alerts == 0
	}
	message := ""
	switch {
	case !fires && !silent:
		message = "the rule has no tests"
	case !fires:
		message = "no test shows that the rule fires"
	case !silent:
		message = "no test shows that the rule stays silent"
	default:
		return
	}
	level := LevelWarning
	if r.Status == StatusStable {
		level = LevelError
	}
	p := place{r.Line, 1}
	if r.document.tests != nil {
		p = at(r.document.tests)
	}
	f := w.src.finding(level, CodeNoTests, p, message, "a stable rule has at least one test with alerts: 1 or more and one with alerts: 0")
	w.findings = append(w.findings, f)
}

// fieldHint looks among all fields of all blocks: a suppression names one in
// full.
func fieldHint(name string) string {
	var names []string
	var walk func(prefix string, st *structType)
	walk = func(prefix string, st *structType) {
		for _, f := range st.fields {
			names = append(names, prefix+f.name)
			if f.form == formObject {
				walk(prefix+f.name+".", f.elem)
			}
		}
	}
	walk("", factSchema().root)
	walk("prevalence.", factSchema().prev)
	return didYouMean(name, names)
}
