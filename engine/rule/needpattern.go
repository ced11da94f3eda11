package rule

import (
	"regexp/syntax"
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/google/cel-go/common/ast"
)

// Bounds of what is read off a pattern.
const (
	maxLiterals = 64 // of which a matching text contains one
	maxRunes    = 4  // of a character class that is taken for so many literals
)

// pattern reads matches and glob: the pattern itself and, where it is not
// negated, what a text must contain to match it. A text that is too long for
// the pattern passes: the full condition makes an error of it.
func (r needReader) pattern(c ast.CallExpr, not bool) *Need {
	o, arg, ok := r.method(c)
	if !ok || o.fold != nil {
		return nil
	}
	if c.FunctionName() == "glob" {
		arg = globRegex(arg)
	}
	p, err := compilePattern(arg)
	if err != nil {
		return nil
	}
	whole := &Need{Op: NeedTest, Not: not, Test: &Atom{Kind: TestPattern, Subject: o.Subject, Values: []string{arg}, Longest: p.longest, pattern: p.re}}
	if not {
		return whole
	}
	n := &Need{Op: NeedAll}
	for _, l := range requiredLiterals(arg) {
		part := o.texts(l.kind, l.fold, l.texts)
		part.Test.Longest = p.longest
		n.Parts = append(n.Parts, part)
	}
	if len(n.Parts) == 0 {
		return whole
	}
	n.Parts = append(n.Parts, whole)
	return n
}

// literals are texts one of which every match contains, begins with, ends with
// or is.
type literals struct {
	kind  TestKind
	texts []string
	fold  bool // texts are in lower case
}

// requiredLiterals reads a pattern; each of the answers is necessary.
func requiredLiterals(pattern string) []literals {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil
	}
	items := flatten(re.Simplify(), nil)
	begins := len(items) > 0 && items[0].Op == syntax.OpBeginText
	ends := len(items) > 0 && items[len(items)-1].Op == syntax.OpEndText
	runs := sequence(items)
	var out []literals
	for i, run := range runs {
		first, last := begins && i == 0, ends && i == len(runs)-1
		out = append(out, run.needs...)
		if !run.whole {
			continue
		}
		l := literals{kind: TestContains, texts: run.texts, fold: run.fold}
		switch {
		case first && last:
			l.kind = TestEquals
		case first:
			l.kind = TestPrefix
		case last:
			l.kind = TestSuffix
		}
		if l.kind == TestEquals || !slices.Contains(l.texts, "") {
			out = append(out, l)
		}
	}
	return out
}

// flatten takes captures and concatenations apart.
func flatten(re *syntax.Regexp, items []*syntax.Regexp) []*syntax.Regexp {
	switch re.Op {
	case syntax.OpCapture:
		return flatten(re.Sub[0], items)
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			items = flatten(sub, items)
		}
		return items
	}
	return append(items, re)
}

// run is what is known of the matches of a part of a pattern.
type run struct {
	// whole says that every match is one of texts.
	whole bool
	texts []string
	fold  bool
	// needs are what a match contains where it is not known whole.
	needs []literals
}

// sequence joins neighbours that are known whole, as far as the bound allows.
func sequence(items []*syntax.Regexp) []run {
	var out []run
	for _, item := range items {
		next := runOf(item)
		if len(out) > 0 && out[len(out)-1].join(next) {
			continue
		}
		out = append(out, next)
	}
	return out
}

// join appends to a run one that follows it.
func (r *run) join(next run) bool {
	if !r.whole || !next.whole || len(r.texts)*len(next.texts) > maxLiterals {
		return false
	}
	left, right := r.texts, next.texts
	if r.fold != next.fold {
		left, right = lowered(left), lowered(right)
	}
	r.texts, r.fold = nil, r.fold || next.fold
	for _, a := range left {
		for _, b := range right {
			r.texts = append(r.texts, a+b)
		}
	}
	return true
}

func lowered(texts []string) []string {
	out := make([]string, len(texts))
	for i, s := range texts {
		out[i] = lowerASCII(s)
	}
	return out
}

func runOf(re *syntax.Regexp) run {
	switch re.Op {
	case syntax.OpEmptyMatch, syntax.OpBeginText, syntax.OpEndText, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return run{whole: true, texts: []string{""}}
	case syntax.OpLiteral:
		return literalRun(re)
	case syntax.OpCharClass:
		return classRun(re)
	case syntax.OpCapture, syntax.OpConcat:
		return oneRun(sequence(flatten(re, nil)))
	case syntax.OpAlternate:
		return alternateRun(re)
	case syntax.OpQuest:
		if inner := runOf(re.Sub[0]); inner.whole && len(inner.texts) < maxLiterals {
			inner.texts = append(slices.Clone(inner.texts), "")
			return inner
		}
	case syntax.OpPlus:
		return run{needs: runOf(re.Sub[0]).required()}
	}
	return run{}
}

// oneRun makes one of several that follow one another.
func oneRun(runs []run) run {
	if len(runs) == 1 {
		return runs[0]
	}
	var out run
	for _, r := range runs {
		out.needs = append(out.needs, r.required()...)
	}
	return out
}

// required is what a match contains.
func (r run) required() []literals {
	if r.whole && !slices.Contains(r.texts, "") {
		return []literals{{TestContains, r.texts, r.fold}}
	}
	return r.needs
}

func literalRun(re *syntax.Regexp) run {
	out := run{whole: true, texts: []string{""}}
	for _, c := range re.Rune {
		next := run{whole: true, texts: []string{string(c)}}
		if re.Flags&syntax.FoldCase != 0 {
			next = folded(c)
		}
		if c == utf8.RuneError || !out.join(next) {
			// Go takes invalid UTF-8 for this character; and the rest of a literal
			// that has too many forms is left out.
			return run{needs: out.required()}
		}
	}
	return out
}

// folded are the forms of a character that differ in case only. ASCII letters
// are written once, in lower case; k and s have forms that are not ASCII.
func folded(c rune) run {
	out := run{whole: true, fold: true, texts: []string{lowerASCII(string(c))}}
	for f := unicode.SimpleFold(c); f != c; f = unicode.SimpleFold(f) {
		if s := lowerASCII(string(f)); !slices.Contains(out.texts, s) {
			out.texts = append(out.texts, s)
		}
	}
	return out
}

func classRun(re *syntax.Regexp) run {
	out := run{whole: true}
	for i := 0; i+1 < len(re.Rune); i += 2 {
		for c := re.Rune[i]; c <= re.Rune[i+1]; c++ {
			if len(out.texts) == maxRunes || c == utf8.RuneError {
				return run{}
			}
			out.texts = append(out.texts, string(c))
		}
	}
	return out
}

// alternateRun is known whole where all branches are; else a match contains
// what one of the branches requires.
func alternateRun(re *syntax.Regexp) run {
	branches := make([]run, len(re.Sub))
	for i, sub := range re.Sub {
		branches[i] = runOf(sub)
	}
	whole := run{whole: true}
	for _, branch := range branches {
		whole.whole = whole.whole && branch.whole
		whole.add(branch.texts, branch.fold)
	}
	if whole.whole && len(whole.texts) <= maxLiterals {
		return whole
	}
	var needs run
	for _, branch := range branches {
		best, ok := longest(branch.required())
		if !ok {
			return run{}
		}
		needs.add(best.texts, best.fold)
	}
	if len(needs.texts) > maxLiterals {
		return run{}
	}
	return run{needs: []literals{{TestContains, needs.texts, needs.fold}}}
}

func (r *run) add(texts []string, fold bool) {
	if r.fold != fold {
		r.texts, texts, r.fold = lowered(r.texts), lowered(texts), true
	}
	for _, t := range texts {
		if !slices.Contains(r.texts, t) {
			r.texts = append(r.texts, t)
		}
	}
}

// longest is the one whose shortest text is the longest: the rarest, as a guess.
func longest(of []literals) (best literals, ok bool) {
	most := 0
	for _, l := range of {
		if n := len(slices.MinFunc(l.texts, func(a, b string) int { return len(a) - len(b) })); n > most {
			best, ok, most = l, true, n
		}
	}
	return best, ok
}
