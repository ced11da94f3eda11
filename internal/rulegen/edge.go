package rulegen

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"picket.internal/fact"
)

// Edges makes conditions and facts out of few and awkward texts, so that they
// often nearly meet: beginnings and ends of one another, case that ASCII folds
// and case that it does not, empty texts, absent fields, empty lists.
type Edges struct{ r *rand.Rand }

// NewEdges returns a maker that draws from a source.
func NewEdges(src rand.Source) *Edges { return &Edges{rand.New(src)} }

// Bytes is a source of a fuzzer's bytes, and of the same numbers always after
// them: generators draw again where a number is no good to them.
type Bytes struct {
	data []byte
	rest *rand.PCG
}

// NewBytes returns a source of these bytes.
func NewBytes(data []byte) *Bytes { return &Bytes{data, rand.NewPCG(1, 2)} }

// Uint64 implements rand.Source. Each byte makes one number whose high and low
// bits both vary, because generators use either.
func (b *Bytes) Uint64() uint64 {
	if len(b.data) == 0 {
		return b.rest.Uint64()
	}
	c := uint64(b.data[0])
	b.data = b.data[1:]
	return c * 0x0101010101010101
}

func pick[T any](r *rand.Rand, of []T) T { return of[r.IntN(len(of))] }

var (
	pieces = []string{"a", "A", "b", "ab", "aB", "ba", "/", "/a", "/ab", "//", "k", "K", "\u212a", "s", "ſ", "S", "ä", "Ä", "é", ".", "-", " ", "z", "Z", "[", "@", "`", "{", "\ufffd", "世"}
	texts  = []string{"process.name", "process.executable", "process.command_line", "process.parent.name", "user.name", "service.name", "process.hash.sha256", "host.name"}
	lists  = []string{"process.args", "process.ancestors"}
)

// Text is a short text, empty now and then.
func (e *Edges) Text() string {
	var b strings.Builder
	for range e.r.IntN(4) {
		b.WriteString(pick(e.r, pieces))
	}
	return b.String()
}

// Fact is a process fact, with any of its parts missing.
func (e *Edges) Fact() *fact.Fact {
	f := &fact.Fact{ID: fmt.Sprintf("01J%023d", e.r.IntN(1000)), Kind: fact.KindProcess, Host: fact.Host{ID: "h_1", Name: e.Text()}}
	if e.r.IntN(12) == 0 {
		return f
	}
	f.Process = &fact.Process{
		Action: pick(e.r, []string{"start", "exec", "exit", "seen", ""}), PID: e.r.Int64N(4) - 1, StartTicks: e.r.Uint64N(3), Deleted: e.r.IntN(2) == 0,
		Name: e.Text(), Executable: e.Text() + e.Text(), CommandLine: e.Text() + e.Text() + e.Text(),
	}
	for range e.r.IntN(4) {
		f.Process.Args = append(f.Process.Args, e.Text())
	}
	for range e.r.IntN(3) {
		f.Process.Ancestors = append(f.Process.Ancestors, e.Text())
	}
	if e.r.IntN(500) == 0 { // too long for some patterns
		f.Process.CommandLine = strings.Repeat(e.Text()+"a", 1500)
	}
	if e.r.IntN(2) == 0 {
		f.Process.Hash = &fact.Hash{SHA256: e.Text()}
	}
	if e.r.IntN(2) == 0 {
		f.Process.Parent = &fact.Parent{Name: e.Text()}
	}
	if e.r.IntN(3) == 0 {
		code := e.r.Int64N(2)
		f.Process.ExitCode = &code
	}
	if e.r.IntN(2) == 0 {
		f.User = &fact.User{Name: e.Text()}
	}
	if e.r.IntN(3) == 0 {
		f.Service = &fact.Service{Name: e.Text()}
	}
	return f
}

// Prevalence is what a hub may know of the fact; nil now and then.
func (e *Edges) Prevalence() *fact.Prevalence {
	if e.r.IntN(3) == 0 {
		return nil
	}
	return &fact.Prevalence{Hosts: e.r.Int64N(3), FirstInFleet: e.r.IntN(2) == 0, Learned: e.r.IntN(2) == 0, PreviousSHA256: e.Text()}
}

// Rule is a rule document whose condition has up to parts parts. It may be one
// that does not load, as where it would be the same for every fact.
func (e *Edges) Rule(id string, parts int) string {
	return fmt.Sprintf("id: %s\ntitle: %s\nstatus: test\nseverity: low\non: [process]\nlists: {few: [%q, %q], many: [%s]}\nwhere: >-\n  %s\n",
		id, id, e.Text()+"a", e.Text()+"b", e.many(), e.condition(parts))
}

func (e *Edges) many() string {
	var b strings.Builder
	for i := range 12 {
		fmt.Fprintf(&b, "%q,", fmt.Sprint(e.Text(), pick(e.r, []string{"", fmt.Sprint(i)})))
	}
	return b.String()
}

func (e *Edges) condition(n int) string {
	if n <= 1 {
		return e.part()
	}
	left := 1 + e.r.IntN(n-1)
	switch e.r.IntN(8) {
	case 0, 1, 2:
		return fmt.Sprintf("(%s || %s)", e.condition(left), e.condition(n-left))
	case 3:
		return fmt.Sprintf("!(%s)", e.condition(n))
	case 4:
		return fmt.Sprintf("!(%s && %s)", e.condition(left), e.condition(n-left))
	}
	return fmt.Sprintf("(%s && %s)", e.condition(left), e.condition(n-left))
}

func (e *Edges) subject() string {
	return pick(e.r, texts) + pick(e.r, []string{"", "", "", "", ".base()", ".dir()", ".lowerAscii()", ".upperAscii()", ".base().lowerAscii()"})
}

// literal is a text as CEL writes it.
func (e *Edges) literal() string { return fmt.Sprintf("%q", e.Text()) }

var methods = []string{"startsWith", "endsWith", "contains", "under", "equalsFold", "containsFold", "startsWithFold", "endsWithFold"}

func (e *Edges) part() string {
	switch e.r.IntN(16) {
	case 0:
		return e.scalar()
	case 5:
		return e.order()
	case 6:
		return e.anyOf(e.subject())
	case 7: // an error where there are too few
		return e.compare(fmt.Sprintf("%s[%d]%s", pick(e.r, lists), e.r.IntN(3), pick(e.r, []string{"", "", ".base()", ".upperAscii()"})))
	case 1:
		return fmt.Sprintf("%s.exists(x, %s)", pick(e.r, lists), e.item())
	case 2:
		return fmt.Sprintf("%s.all(x, %s)", pick(e.r, lists), e.item())
	case 3:
		return fmt.Sprintf("%s in %s", e.literal(), pick(e.r, lists))
	case 4:
		return fmt.Sprintf("%s[%d] == %s", pick(e.r, lists), e.r.IntN(2), e.literal()) // an error where there are too few
	}
	return e.compare(e.subject())
}

func (e *Edges) scalar() string {
	return pick(e.r, []string{
		"process.pid == 0", "process.pid in [1, 2]", "process.pid != -1", "process.start_ticks == 2u", "process.exit_code == 0", "process.exit_code > 0",
		"process.deleted", "!process.deleted", "process.deleted == false", "prevalence.learned", "prevalence.hosts == 1", "has(process.exit_code)",
		"has(process)", "has(process.args)", "has(user.name)", "has(process.hash)", "has(process.hash.sha256)", "kind == \"process\"",
		`process.action in ["start", "exec"]`, `process.action == ""`, "process.name == process.parent.name", "1 / process.pid == 1",
	})
}

// order compares a number, or how large a text or list is, with a literal.
func (e *Edges) order() string {
	number, literal := pick(e.r, []string{"process.pid", "process.exit_code", "prevalence.hosts", "size(process.args)", "process.ancestors.size()",
		"process.name.size()", "size(process.command_line)", "process.start_ticks"}), fmt.Sprint(e.r.Int64N(5)-1)
	if number == "process.start_ticks" {
		literal = fmt.Sprint(e.r.Uint64N(3), "u")
	}
	op := pick(e.r, []string{"<", "<=", ">", ">=", "==", "!="})
	if e.r.IntN(4) == 0 {
		return fmt.Sprintf("%s %s %s", literal, op, number)
	}
	return fmt.Sprintf("%s %s %s", number, op, literal)
}

// anyOf compares a text with each of a list of literals.
func (e *Edges) anyOf(subject string) string {
	list := pick(e.r, []string{"lists.few", "lists.many", fmt.Sprintf("[%s, %s]", e.literal(), e.literal())})
	test := fmt.Sprintf("%s.%s(s)", subject, pick(e.r, []string{"startsWith", "endsWith", "contains", "equalsFold", "containsFold"}))
	switch e.r.IntN(4) {
	case 0:
		return fmt.Sprintf("%s.all(s, !%s)", list, test)
	case 1:
		return fmt.Sprintf("!%s.exists(s, %s)", list, test)
	}
	return fmt.Sprintf("%s.exists(s, %s)", list, test)
}

func (e *Edges) item() string {
	part := e.compare("x" + pick(e.r, []string{"", "", ".base()", ".lowerAscii()"}))
	switch e.r.IntN(8) {
	case 2:
		return e.anyOf("x")
	case 3:
		return fmt.Sprintf("!(%s) && %s", part, e.anyOf("x.base()"))
	case 4:
		return fmt.Sprintf("size(x) > 1 || %s in %s", e.literal(), pick(e.r, lists))
	case 0:
		return part + " && " + e.compare("x")
	case 1:
		return part + " || process.pid == 1"
	}
	return part
}

func (e *Edges) compare(subject string) string {
	switch e.r.IntN(9) {
	case 0:
		return fmt.Sprintf("%s == %s", subject, e.literal())
	case 1:
		return fmt.Sprintf("%s != %s", e.literal(), subject)
	case 2:
		return fmt.Sprintf("%s in [%s, %s]", subject, e.literal(), e.literal())
	case 3:
		return fmt.Sprintf("%s in lists.%s", subject, pick(e.r, []string{"few", "many"}))
	case 4:
		return fmt.Sprintf("%s.matches(%q)", subject, e.pattern())
	case 5:
		return fmt.Sprintf("%s.glob(%q)", subject, e.Text()+pick(e.r, []string{"*", "**", "?", ""})+e.Text())
	}
	return fmt.Sprintf("%s.%s(%s)", subject, pick(e.r, methods), e.literal())
}

// pattern is a regular expression; quoting is left to chance where it is valid
// without.
func (e *Edges) pattern() string {
	quote := strings.NewReplacer("[", `\[`, "{", `\{`, ".", `\.`).Replace
	a, b := quote(e.Text()), quote(e.Text())
	return pick(e.r, []string{"", "", "^", `\b`, "(?i)", "(?i)^", "(?m)^"}) +
		fmt.Sprintf(pick(e.r, []string{"%s%s", "%s.*%s", "(%s|%s)", "(%s|%s)+", "(?:%s)?%s", "(%s){2}%s", "[ab]%s%s", "%s[^a]%s", "%s(?i:%s)", "(?:%s|x.)%s", "(?:%s.|%s)", "(?:%s){1,100}(?:%s){0,100}"}), a, b) +
		pick(e.r, []string{"", "", "$", `\z`, ".*"})
}
