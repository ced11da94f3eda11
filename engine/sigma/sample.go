package sigma

import (
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"time"
)

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
