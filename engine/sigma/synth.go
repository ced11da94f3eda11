package sigma

import (
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bounds of the search for an event: rules are tested by what is found within
// them, or not converted.
const (
	maxCubes    = 400  // ways to make a condition true that are tried
	maxCube     = 300  // tests of one way
	maxAttempts = 4000 // events that are tried
)

// wish is a condition and what it is to be.
type wish struct {
	n    *node
	want bool
}

// demand is one test and what it is to be.
type demand struct {
	t    *test
	want bool
}

// synthesize finds an event that fulfils all wishes; nil where none was found.
func synthesize(wishes ...wish) event {
	cubes := [][]demand{nil}
	for _, w := range wishes {
		cubes = cross(cubes, ways(w.n, w.want))
	}
	attempts := 0
	for _, cube := range cubes {
		for filler := range len(fillers) {
			for turn := range 4 {
				if attempts++; attempts > maxAttempts {
					return nil
				}
				e := build(cube, filler, turn)
				if fulfils(e, wishes) {
					return fill(e, wishes)
				}
			}
		}
	}
	return nil
}

func fulfils(e event, wishes []wish) bool {
	return !slices.ContainsFunc(wishes, func(w wish) bool { return w.n.holds(e) != w.want })
}

// fill gives the fields that the wishes ask about, and the event does not have,
// an ordinary value where that changes nothing: an event with a value that does
// not fit says more than one without.
func fill(e event, wishes []wish) event {
	for _, w := range wishes {
		for _, f := range w.n.fields(nil) {
			if _, there := e[f]; there || f.kind != kindText || f.list {
				continue
			}
			if e[f] = plausible(f); !fulfils(e, wishes) {
				delete(e, f)
			}
		}
	}
	return e
}

// ways lists sets of demands of which each makes the condition what it is to be.
// The first are the plainest; there may be more than are listed.
func ways(n *node, want bool) [][]demand {
	switch n.op {
	case opTest:
		return [][]demand{{{n.test, want}}}
	case opNot:
		return ways(n.kids[0], !want)
	}
	if (n.op == opAnd) == want {
		out := [][]demand{nil}
		for _, k := range n.kids {
			out = cross(out, ways(k, want))
		}
		return out
	}
	var out [][]demand
	for _, k := range n.kids {
		out = append(out, ways(k, want)...)
	}
	return out[:min(len(out), maxCubes)]
}

// cross joins each of a with each of b, up to the bounds. It takes the diagonals
// first, so that no list is known by its first element only.
func cross(a, b [][]demand) [][]demand {
	var out [][]demand
	for sum := 0; sum < len(a)+len(b) && len(out) < maxCubes; sum++ {
		for i := max(0, sum-len(b)+1); i < len(a) && i <= sum && len(out) < maxCubes; i++ {
			if joined := slices.Concat(a[i], b[sum-i]); len(joined) <= maxCube {
				out = append(out, joined)
			}
		}
	}
	return out
}

// fillers are what stands between the parts of a text that is made up.
var fillers = []string{"", " ", "x", "/", " x "}

// build makes an event of demands; nil where they contradict each other plainly.
func build(cube []demand, filler, turn int) event {
	e := event{}
	wanted := map[*field][]*test{}
	var order []*field
	for _, d := range cube {
		absent := d.t.kind == testText && len(d.t.pattern) == 0
		if d.want == absent || d.t.kind == testTruth {
			continue // an absent field does, or the truth is set below
		}
		if _, ok := wanted[d.t.field]; !ok {
			order = append(order, d.t.field)
		}
		wanted[d.t.field] = append(wanted[d.t.field], d.t)
	}
	for _, d := range cube {
		if d.t.kind == testTruth && d.want == d.t.truth {
			e[d.t.field] = true
		}
	}
	for _, f := range order {
		if v := valueOf(f, wanted[f], e, filler, turn); v != nil {
			e[f] = v
		}
	}
	return e
}

// valueOf makes up a value that meets the tests, if luck has it; the caller
// looks.
func valueOf(f *field, tests []*test, e event, filler, turn int) any {
	switch {
	case f.kind == kindBool || f.kind == kindObject:
		return true
	case f.kind == kindTime:
		return momentOf(tests, turn)
	case f.kind != kindText:
		v := numberOf(tests, turn)
		for _, t := range tests {
			if t.kind == testRef {
				e[t.other] = v
			}
		}
		return v
	case f.list:
		var out []string
		for _, t := range tests {
			out = append(out, textOf(f, []*test{t}, e, filler, turn))
		}
		return out
	}
	if s := textOf(f, tests, e, filler, turn); s != "" {
		return s
	}
	return nil
}

// textOf puts the parts that the tests ask for in a row: beginnings first, ends
// last.
func textOf(f *field, tests []*test, e event, filler, turn int) string {
	var first, middle, last []string
	for _, t := range tests {
		switch t.kind {
		case testText:
			parts := t.pattern.sample(fillers[filler])
			if s, ok := t.pattern.plain(); ok {
				return s
			}
			switch {
			case t.pattern[0].kind != anyRun:
				first = append(first, parts...)
			case t.pattern[len(t.pattern)-1].kind != anyRun:
				last = append(last, parts...)
			default:
				middle = append(middle, parts...)
			}
		case testRegex:
			middle = append(middle, sampleRegex(t.regex, turn))
		case testNumber:
			if v, ok := numberOf(tests, turn).(float64); ok && v >= 0 {
				return whole(v)
			}
		case testRef:
			if s, ok := e[t.other].(string); ok {
				return s
			}
			text := plausible(f)
			e[t.other] = text
			return text
		case testNetwork:
			return t.network.Addr().String()
		case testPresent:
			if len(tests) == 1 {
				return plausible(f)
			}
		}
	}
	if turn%2 == 1 {
		slices.Reverse(middle)
	}
	return realistic(f, slices.Concat(first, middle, last), len(first) == 0, fillers[filler])
}

// realistic joins the parts; a path that may begin anyhow begins like one.
func realistic(f *field, parts []string, free bool, filler string) string {
	var kept []string
	for _, p := range parts {
		if p != "" && !slices.ContainsFunc(kept, func(k string) bool { return strings.Contains(k, p) && filler == "" }) {
			kept = append(kept, p)
		}
	}
	s := strings.Join(kept, filler)
	if s == "" {
		return plausible(f)
	}
	if free && strings.HasSuffix(f.path, "executable") && strings.HasPrefix(s, "/") && strings.Count(s, "/") == 1 {
		return "/usr/bin" + s
	}
	return s
}

// plausible is a value of a field of which nothing is asked.
func plausible(f *field) string {
	switch {
	case strings.HasSuffix(f.path, "executable"):
		return "/usr/bin/true"
	case strings.HasSuffix(f.path, "sha256"):
		return strings.Repeat("0", 64)
	case f.path == "user.name":
		return "alice"
	case f.decimal:
		return "1000"
	case f.address:
		return "192.0.2.7"
	case strings.Contains(f.path, "path") || strings.Contains(f.path, "directory"):
		return "/srv/data"
	}
	return "true"
}

// sample is a text for each literal run of the pattern, with a character for
// each wildcard of one.
func (p pattern) sample(filler string) []string {
	var b strings.Builder
	for i, t := range p {
		switch t.kind {
		case literal:
			b.WriteString(t.text)
		case anyOne:
			b.WriteByte('x')
		case anyDash:
			b.WriteByte('-')
		case anyRun:
			if i > 0 && i < len(p)-1 {
				b.WriteString(filler)
			}
		}
	}
	return []string{b.String()}
}

// numberOf tries the numbers that the tests name, and those beside them.
func numberOf(tests []*test, turn int) any {
	candidates := []float64{1000}
	for _, t := range tests {
		if t.kind == testNumber {
			v := t.number.value
			candidates = append(candidates, v, v+1, v-1, v+0.5)
		}
	}
	if len(candidates) > 1 {
		candidates = candidates[1:]
	}
	for _, c := range candidates[min(turn, len(candidates)-1):] {
		if c == float64(int64(c)) || tests[0].field.kind == kindDouble {
			if !slices.ContainsFunc(tests, func(t *test) bool { return t.kind == testNumber && !t.meetsNumber(c) }) {
				return c
			}
		}
	}
	return candidates[0]
}

// momentOf makes up a time: each part by itself, as the tests ask.
func momentOf(tests []*test, turn int) any {
	pick := func(part string, from, to, usual int) int {
		if !slices.ContainsFunc(tests, func(t *test) bool { return t.part == part }) {
			return usual
		}
		for n := from; n <= to; n++ {
			if !slices.ContainsFunc(tests, func(t *test) bool { return t.kind == testNumber && t.part == part && !t.meetsNumber(float64(n)) }) {
				return n
			}
		}
		return usual
	}
	year := pick("year", 1971, 2200, 2026-turn%2)
	month := pick("month", 1, 12, 1)
	day := pick("day", 1, 28, 1)
	hour := pick("hour", 0, 23, 12)
	return time.Date(year, time.Month(month), day, hour, pick("minute", 0, 59, 0), 0, 0, time.UTC)
}

func whole(v float64) string { return strconv.FormatFloat(v, 'f', 0, 64) }

// sampleRegex writes a short text that the expression matches, if it has no
// conditions on what is around it. Turns choose among alternatives.
func sampleRegex(source string, turn int) string {
	re, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return ""
	}
	var b strings.Builder
	sampleOf(&b, re, turn)
	return b.String()
}

// maxSample bounds what is written for a regular expression.
const maxSample = 2048

func sampleOf(b *strings.Builder, re *syntax.Regexp, turn int) {
	if b.Len() > maxSample {
		return
	}
	repeat := 0
	switch re.Op {
	case syntax.OpLiteral:
		b.WriteString(string(re.Rune))
	case syntax.OpCharClass:
		b.WriteRune(oneOf(re.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte('x')
	case syntax.OpAlternate:
		sampleOf(b, re.Sub[turn%len(re.Sub)], turn)
	case syntax.OpCapture, syntax.OpConcat:
		for _, sub := range re.Sub {
			sampleOf(b, sub, turn)
		}
	case syntax.OpPlus:
		repeat = 1
	case syntax.OpStar, syntax.OpQuest:
		repeat = turn % 2
		if re.Sub[0].Op == syntax.OpLiteral && string(re.Sub[0].Rune) == "\n" {
			repeat = 0 // what stands before an end
		}
	case syntax.OpRepeat:
		repeat = max(re.Min, turn%2)
	}
	for range repeat {
		sampleOf(b, re.Sub[0], turn)
	}
}

// oneOf chooses a character of a class: a letter, digit or mark where there is
// one.
func oneOf(class []rune) rune {
	for _, try := range "ax0A -/." {
		for i := 0; i+1 < len(class); i += 2 {
			if class[i] <= try && try <= class[i+1] {
				return try
			}
		}
	}
	if len(class) == 0 {
		return 'x'
	}
	return class[0]
}
