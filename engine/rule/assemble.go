package rule

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/cel-go/cel"
	"go.yaml.in/yaml/v3"

	"picket.internal/fact"
)

// compiled is what compiling one rule leaves beside the rule.
type compiled struct {
	findings Findings
	used     map[string]bool
	sources  map[string][]string // lists and macros that it reads, for its version
	key      string              // what the rule has in common with its duplicates
}

// compileRule turns a draft into a rule that can be evaluated. What is wrong
// with the draft becomes findings. Rules are compiled at the same time: it
// changes nothing but the rule.
func (l *loader) compileRule(g *language, r *Rule) compiled {
	d := r.document
	w := &walker{src: d.src}
	d.env, d.est = g.env, newEstimator(g.lists)
	base := g.expression(w, d.est)
	base.local = d.prefix
	for _, k := range r.On {
		base.on = append(base.on, string(k))
	}
	l.ownLists(w, d)
	if d.where != nil && r.Where != "" {
		condition(base, r)
	}
	base.window = r.Stateful()
	for i := range r.Exceptions {
		base.exception(&r.Exceptions[i], l.Now)
	}
	shadowed(w, r, d.ast, canon{g.lists})
	if r.ScoreWhere != "" {
		e := base
		e.what, e.text = "the score", d.src.scalarText(d.score)
		e.src = e.text.value
		r.score = e.scoreGuard()
	}
	if r.Message != "" {
		e := base
		e.what, e.text = "the message", d.messageText(r)
		r.message = e.template()
	}
	suppressFields(w, r)
	statefulFields(w, r)
	requireTests(w, r)
	if !w.findings.HasErrors() {
		for _, name := range slices.Sorted(maps.Keys(d.lists)) {
			if !base.used[listPrefix+d.prefix+name] {
				w.warn(CodeUnusedList, at(d.listKeys[name]), fmt.Sprintf("the rule does not read its list %s", name), "")
			}
		}
	}
	c := compiled{findings: w.findings, used: base.used, sources: l.sources(g, d, base.used), key: r.duplicateKey(canon{g.lists})}
	d.forget()
	return c
}

// sources are the lists and macros that a rule reads, as they are written.
func (l *loader) sources(g *language, d *document, used map[string]bool) map[string][]string {
	out := map[string][]string{}
	for name := range used {
		if list, ok := strings.CutPrefix(name, listPrefix); ok && g.lists[list] != nil {
			out[strings.TrimPrefix(list, d.prefix)] = g.lists[list].source
		}
		if macro, ok := strings.CutPrefix(name, macroPrefix); ok && l.macros[macro] != nil {
			out[name] = []string{l.macros[macro].Where}
		}
	}
	return out
}

// forget lets go of the YAML: a rule lives longer than its text.
func (d *document) forget() {
	kept := document{src: d.src, where: withoutTies(d.where), env: d.env, est: d.est, ast: d.ast, again: d.again, prefix: d.prefix}
	if d.again != nil {
		kept.ast = nil
	}
	*d = kept
}

// messageText is the message with its places; the title, which is the message
// where there is none, is reported at the top of the rule.
func (d *document) messageText(r *Rule) *text {
	if d.message == nil {
		return &text{value: r.Message, start: place{r.Line, 1}}
	}
	return d.src.scalarText(d.message)
}

// ownLists refuses lists of the rule that have the name of a list of the set.
func (l *loader) ownLists(w *walker, d *document) {
	for _, name := range slices.Sorted(maps.Keys(d.lists)) {
		if other, twice := l.lists[name]; twice {
			w.fail(CodeDuplicateID, at(d.listKeys[name]), fmt.Sprintf("there is a list %s for all rules already", name),
				fmt.Sprintf("the other is in %s, line %d", other.File, other.Line))
		}
	}
}

// condition compiles what decides whether the rule matches.
func condition(base expression, r *Rule) {
	d := r.document
	e := base
	e.what, e.text = "the condition", d.src.scalarText(d.where)
	e.src = e.text.value
	checked := e.boolean()
	if checked == nil {
		return
	}
	r.Cost, d.ast = e.cost, checked
	r.setNeed(checked, d.est.lists)
	if r.need.Exact() {
		// All of it is data, patterns included: nothing is left that could not be
		// planned, and hardly a fact that the program would be asked about.
		d.again = e.anew(d)
		return
	}
	prog, err := newProgram(e.env, checked, e.est, false)
	if err != nil {
		e.w.fail(CodeType, e.text.place(0), err.Error(), "")
		d.ast = nil
		return
	}
	r.when = prog
}

// anew compiles the condition once more, as it was when nothing was wrong with it.
func (e expression) anew(d *document) func() *cel.Ast {
	src := d.src
	return func() *cel.Ast {
		again := e // what a compilation notes is its own
		again.w, again.used, again.expanded = &walker{src: src}, map[string]bool{}, nil
		again.text = src.scalarText(d.where)
		parsed := again.parse()
		if parsed == nil || !again.expand(parsed) {
			panic("internal error: a condition that was compiled no longer parses")
		}
		again.ownLists(parsed.NativeRep())
		checked, iss := again.env.Check(parsed)
		if iss.Err() != nil {
			panic("internal error: a condition that was compiled no longer does: " + iss.Err().Error())
		}
		return checked
	}
}

// exception compiles one exception of a rule.
func (e expression) exception(x *Exception, now time.Time) {
	if x.node == nil || x.Where == "" {
		return
	}
	e.what, e.text = fmt.Sprintf("the exception %q", x.Name), e.w.src.scalarText(x.node)
	e.src = e.text.value
	x.guard = e.guard()
	e.w.expiry("the exception", x.Name, x.at, x.Expires, now)
	x.node = nil
}

// expiry reports what no longer holds.
func (w *walker) expiry(what, name string, p place, day, now time.Time) {
	if !now.IsZero() && expired(day, now) {
		w.warn(CodeExpired, p, fmt.Sprintf("%s %s expired on %s", what, name, day.Format(time.DateOnly)), "look whether it is still needed, then give it a new day or remove it")
	}
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

// fields checks names that matches are told apart by: fields with a single
// value, of blocks that facts of the kinds carry; nil kinds are not checked.
func (w *walker) fields(nodes []*yaml.Node, on []fact.Kind) {
	for _, n := range nodes {
		w.field(n, on)
	}
}

func (w *walker) field(n *yaml.Node, on []fact.Kind) {
	_, f, ok := factSchema().pathTo(n.Value)
	block, _, _ := strings.Cut(n.Value, ".")
	switch {
	case !ok:
		w.fail(CodeUnknownField, at(n), fmt.Sprintf("there is no field %q", n.Value), fieldHint(n.Value))
	case !f.single():
		w.fail(CodeType, at(n), fmt.Sprintf("%s is no single value", n.Value), "")
	case on != nil && isKind(block) && !slices.Contains(shared, block) && !slices.Contains(on, fact.Kind(block)):
		w.fail(CodeNeverMatches, at(n), fmt.Sprintf("facts of kind %s carry no block %q", joinKinds(on), block), "")
	}
}

func joinKinds(on []fact.Kind) string {
	names := make([]string, len(on))
	for i, k := range on {
		names[i] = string(k)
	}
	return strings.Join(names, " or ")
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
