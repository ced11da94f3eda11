package rule

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
)

// Bounds of a pack.
const (
	maxFiles = 10_000
	maxRules = 30_000
)

// Set is a pack of rules that go together, ordered by id. It is immutable.
type Set struct {
	rules []*Rule
	byID  map[string]*Rule
	lists map[string]*List
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

// Version is the digest of all rules' versions; 12 hexadecimal digits.
func (s *Set) Version() string {
	h := sha256.New()
	for _, r := range s.rules {
		fmt.Fprintf(h, "%s %s\n", r.ID, r.Version)
	}
	return hex.EncodeToString(h.Sum(nil))[:12]
}

// LoadFS reads every .yaml and .yml file of a folder and its folders; names
// that begin with a dot are left out. There is a set only where the findings
// hold no error.
func LoadFS(fsys fs.FS) (*Set, Findings) {
	l := &loader{lists: map[string]*List{}, ids: map[string]*Rule{}}
	for _, name := range l.files(fsys) {
		l.file(fsys, name)
	}
	return l.finish()
}

// Load reads one file's content, as LoadFS reads a folder with that file.
func Load(name string, data []byte) (*Set, Findings) {
	l := &loader{lists: map[string]*List{}, ids: map[string]*Rule{}}
	l.content(name, data)
	return l.finish()
}

// loader gathers documents, then compiles them: any rule may name any list.
type loader struct {
	findings Findings
	rules    []*Rule
	ids      map[string]*Rule
	lists    map[string]*List
	used     map[string]bool
}

func (l *loader) report(file, message string) {
	l.findings = append(l.findings, Finding{Code: CodeUnreadable, Level: LevelError, File: file, Message: message})
}

// files lists what is to be read, in the order of names, so that findings and
// versions are the same every time.
func (l *loader) files(fsys fs.FS) []string {
	var names []string
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			l.report(name, err.Error())
			if d == nil || d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case name != "." && strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir() || path.Ext(name) != ".yaml" && path.Ext(name) != ".yml":
			return nil
		case len(names) == maxFiles:
			l.report(name, fmt.Sprintf("the pack has more than %d files", maxFiles))
			return fs.SkipAll
		}
		names = append(names, name)
		return nil
	})
	if err != nil {
		l.report(".", err.Error())
	}
	return names
}

func (l *loader) file(fsys fs.FS, name string) {
	// Looked at before it is opened: opening a pipe waits for a writer.
	info, err := fs.Stat(fsys, name)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is not a regular file")
	}
	if err != nil {
		l.report(name, err.Error())
		return
	}
	f, err := fsys.Open(name)
	if err != nil {
		l.report(name, err.Error())
		return
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		l.report(name, err.Error())
		return
	}
	l.content(name, data)
}

func (l *loader) content(name string, data []byte) {
	w := &walker{src: newSource(name, data)}
	for _, n := range w.documents(data) {
		r, list := w.parse(n)
		switch {
		case r != nil && r.ID != "":
			if other, twice := l.ids[r.ID]; twice {
				w.fail(CodeDuplicateID, at(n), fmt.Sprintf("there is a rule %s already", r.ID), fmt.Sprintf("the other is in %s, line %d", other.File, other.Line))
				continue
			}
			l.ids[r.ID] = r
			l.rules = append(l.rules, r)
		case r != nil:
			l.rules = append(l.rules, r)
		case list != nil && list.Name != "":
			if other, twice := l.lists[list.Name]; twice {
				w.fail(CodeDuplicateID, at(n), fmt.Sprintf("there is a list %s already", list.Name), fmt.Sprintf("the other is in %s, line %d", other.File, other.Line))
				continue
			}
			l.lists[list.Name] = list
		}
	}
	l.findings = append(l.findings, w.findings...)
}

// finish compiles what was gathered. With any error there is no set: half a pack
// would be a blind spot that nobody asked for.
func (l *loader) finish() (*Set, Findings) {
	if len(l.rules) > maxRules {
		l.report(".", fmt.Sprintf("the pack has more than %d rules", maxRules))
		l.rules = nil
	}
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
	slices.SortFunc(l.rules, func(a, b *Rule) int { return strings.Compare(a.ID, b.ID) })
	return &Set{rules: l.rules, byID: l.ids, lists: l.lists}, l.findings
}

// compile builds the language of this pack, with its lists, and compiles every
// rule in it.
func (l *loader) compile() error {
	base, err := baseEnv()
	if err != nil {
		return err
	}
	values := map[string]*constList{}
	var options []cel.EnvOption
	for _, name := range slices.Sorted(maps.Keys(l.lists)) {
		if list := l.lists[name]; list.value != nil {
			values[name] = list.value
			options = append(options, list.value.option(name))
		}
	}
	env := base
	if len(options) > 0 {
		if env, err = base.Extend(options...); err != nil {
			return err
		}
	}
	l.used = map[string]bool{}
	for _, r := range l.rules {
		if err := l.compileRule(env, values, r); err != nil {
			return err
		}
	}
	l.unusedLists()
	return nil
}

func (l *loader) unusedLists() {
	for _, name := range slices.Sorted(maps.Keys(l.lists)) {
		if list := l.lists[name]; !l.used[name] && !l.findings.HasErrors() {
			l.findings = append(l.findings, list.src.finding(LevelWarning, CodeUnusedList, place{list.Line, 1}, fmt.Sprintf("no rule reads the list %s", name), ""))
		}
	}
}

// version digests what decides when a rule alerts and what it says then.
func version(r *Rule, lists map[string]*constList) (string, error) {
	data, err := json.Marshal(struct {
		ID, Title, Status, Severity string
		Score                       float64
		Tags, On                    any
		Where, Message              string
		Suppress                    *Suppress
		Response                    []string
		Lists                       map[string][]string
	}{r.ID, r.Title, string(r.Status), r.Severity, r.Score, r.Tags, r.On, r.Where, r.Message, r.Suppress, r.Response, listSources(lists)})
	if err != nil {
		return "", errors.New("writing the rule's version: " + err.Error())
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])[:12], nil
}

func listSources(lists map[string]*constList) map[string][]string {
	out := map[string][]string{}
	for name, l := range lists {
		out[name] = l.source
	}
	return out
}
