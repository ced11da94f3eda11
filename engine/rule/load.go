package rule

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"
)

// Bounds of a pack.
const (
	maxFiles = 10_000
	maxRules = 30_000
)

// Set is what was loaded together, rules ordered by id. It is immutable.
type Set struct {
	rules   []*Rule
	byID    map[string]*Rule
	lists   map[string]*List
	macros  map[string]*Macro
	filters []*Filter
	packs   map[string]*Pack
}

// Rules are all rules of the set, ordered by id. The caller must not change it.
func (s *Set) Rules() []*Rule { return s.rules }

// Len is how many rules there are.
func (s *Set) Len() int { return len(s.rules) }

// Rule finds a rule by its id.
func (s *Set) Rule(id string) (*Rule, bool) {
	r, ok := s.byID[id]
	return r, ok
}

// Filters are the filters of the set by name, those that select nothing too.
func (s *Set) Filters() []*Filter { return s.filters }

// Macros are the macros of the set by name.
func (s *Set) Macros() []*Macro { return byName(s.macros) }

// Lists are the lists of the set by name; those of single rules are not among
// them.
func (s *Set) Lists() []*List { return byName(s.lists) }

// Packs are the packs of the set by folder.
func (s *Set) Packs() []*Pack { return byName(s.packs) }

func byName[T any](m map[string]T) []T {
	out := make([]T, 0, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		out = append(out, m[name])
	}
	return out
}

// Version is the digest of all rules' versions; 12 hexadecimal digits.
func (s *Set) Version() string {
	h := sha256.New()
	for _, r := range s.rules {
		fmt.Fprintf(h, "%s %s\n", r.ID, r.Version)
	}
	return hex.EncodeToString(h.Sum(nil))[:12]
}

// Options are how documents are loaded. The zero value is good.
type Options struct {
	// Now, where it is set, makes findings of exceptions and filters that have
	// expired by then. Whether one holds is decided anew at each match.
	Now time.Time
}

// LoadFS reads every .yaml and .yml file of a folder and its folders; names
// that begin with a dot are left out. There is a set only where the findings
// hold no error.
func LoadFS(fsys fs.FS) (*Set, Findings) { return Options{}.LoadFS(fsys) }

// LoadFS is the function of that name, with options.
func (o Options) LoadFS(fsys fs.FS) (*Set, Findings) {
	l := newLoader(o)
	names := l.fileNames(fsys)
	files := make([]*file, len(names))
	each(len(names), func(i int) { files[i] = parseFile(fsys, names[i]) })
	l.add(files)
	return l.finish()
}

// Load reads one file's content, as LoadFS reads a folder with that file.
func Load(name string, data []byte) (*Set, Findings) { return Options{}.Load(name, data) }

// Load is the function of that name, with options.
func (o Options) Load(name string, data []byte) (*Set, Findings) {
	l := newLoader(o)
	l.add([]*file{parseContent(nil, name, data)})
	return l.finish()
}

// loader gathers documents, then compiles them: any rule may name any other
// document.
type loader struct {
	Options
	findings Findings
	rules    []*Rule
	ids      map[string]*Rule
	lists    map[string]*List
	macros   map[string]*Macro
	filters  []*Filter
	packs    map[string]*Pack // by folder
	tests    []*testDocument
	taken    map[string]string // where each name stands, by kind and name
	used     map[string]bool   // lists and macros that something reads
}

func newLoader(o Options) *loader {
	return &loader{
		Options: o, lists: map[string]*List{}, macros: map[string]*Macro{}, ids: map[string]*Rule{},
		packs: map[string]*Pack{}, taken: map[string]string{}, used: map[string]bool{},
	}
}

func (l *loader) report(file, message string) {
	l.findings = append(l.findings, unreadable(file, message))
}

// finish compiles what was gathered. With any error there is no set: half a pack
// would be a blind spot that nobody asked for.
func (l *loader) finish() (*Set, Findings) {
	if len(l.rules) > maxRules {
		l.report(".", fmt.Sprintf("the pack has more than %d rules", maxRules))
		l.rules = nil
	}
	slices.SortFunc(l.filters, func(a, b *Filter) int { return strings.Compare(a.Name, b.Name) })
	if err := l.compile(); err != nil {
		l.report(".", "internal error: "+err.Error())
	}
	if len(l.rules) == 0 && !l.findings.HasErrors() {
		l.findings = append(l.findings, Finding{Code: CodeEmpty, Level: LevelError, File: ".", Message: "there are no rules here"})
	}
	l.findings.sort()
	if l.findings.HasErrors() {
		return nil, l.findings
	}
	slices.SortFunc(l.rules, func(a, b *Rule) int { return cmp.Compare(a.ID, b.ID) })
	return &Set{rules: l.rules, byID: l.ids, lists: l.lists, macros: l.macros, filters: l.filters, packs: l.packs}, l.findings
}
