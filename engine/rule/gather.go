package rule

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

// draft is one document of a file, as far as YAML goes; at most one is set.
type draft struct {
	node   *yaml.Node
	rule   *Rule
	list   *List
	macro  *Macro
	filter *Filter
	pack   *Pack
	tests  *testDocument
}

// file is what one file holds and what is wrong with it.
type file struct {
	name     string
	drafts   []draft
	findings Findings
	refs     []string // files that its documents read
	walker   *walker
}

// documentKinds are the documents that are no rules, by the key that tells.
var documentKinds = []struct {
	key  string
	read func(*walker, *draft)
}{
	{"list", func(w *walker, d *draft) { d.list = w.listDocument(d.node) }},
	{"macro", func(w *walker, d *draft) { d.macro = w.macroDocument(d.node) }},
	{"filter", func(w *walker, d *draft) { d.filter = w.filterDocument(d.node) }},
	{"pack", func(w *walker, d *draft) { d.pack = w.packDocument(d.node) }},
	{"test", func(w *walker, d *draft) { d.tests = w.testDocument(d.node) }},
}

// parse reads one document; what comes of it is of use only where it made no
// errors.
func (w *walker) parse(n *yaml.Node) draft {
	d := draft{node: n}
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			for _, kind := range documentKinds {
				if n.Content[i].Value == kind.key {
					kind.read(w, &d)
					return d
				}
			}
		}
	}
	if path.Base(w.src.name) == packFile {
		w.fail(CodeBadValue, at(n), packFile+" holds a pack document and nothing else", "move the document to a file of its own")
		return d
	}
	d.rule = w.ruleDocument(n)
	return d
}

// readFile reads a file up to a bound, and a byte more where there is more. It
// is looked at before it is opened: opening a pipe waits for a writer.
func readFile(fsys fs.FS, name string, most int64) ([]byte, error) {
	info, err := fs.Stat(fsys, name)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is not a regular file")
	}
	if err != nil {
		return nil, err
	}
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, most+1))
}

func parseFile(fsys fs.FS, name string) *file {
	data, err := readFile(fsys, name, maxFile)
	if err != nil {
		return &file{name: name, findings: Findings{unreadable(name, err.Error())}}
	}
	return parseContent(fsys, name, data)
}

// parseContent reads the documents of a file; fsys, where it is not nil, is
// where files stand that they name.
func parseContent(fsys fs.FS, name string, data []byte) *file {
	w := &walker{src: newSource(name, data), fsys: fsys}
	f := &file{name: name, walker: w}
	for _, n := range w.documents(data) {
		f.drafts = append(f.drafts, w.parse(n))
	}
	f.findings, f.refs = w.findings, w.refs
	w.findings = nil
	return f
}

func unreadable(name, message string) Finding {
	return Finding{Code: CodeUnreadable, Level: LevelError, File: name, Message: message}
}

// each calls do for 0 to n-1 on several cores.
func each(n int, do func(int)) {
	workers := min(runtime.GOMAXPROCS(0), n)
	if workers <= 1 {
		for i := range n {
			do(i)
		}
		return
	}
	next := make(chan int)
	var wait sync.WaitGroup
	for range workers {
		wait.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wait.Wait()
}

// beside reads a file that a document names, below the document's own folder.
// The findings are at n.
func (w *walker) beside(n *yaml.Node, code string, most int64) (name string, data []byte, ok bool) {
	s, ok := w.str(n, "file", 500)
	if !ok {
		return "", nil, false
	}
	name = path.Join(path.Dir(w.src.name), s)
	switch {
	case !fs.ValidPath(s) || s == ".":
		w.fail(code, at(n), fmt.Sprintf("malformed file name %q", s), "name a file beside the document, or in a folder below it")
		return "", nil, false
	case w.fsys == nil:
		w.fail(code, at(n), "files are read only where a whole folder is loaded", "")
		return "", nil, false
	}
	data, err := readFile(w.fsys, name, most)
	if err != nil {
		w.fail(code, at(n), fmt.Sprintf("the file cannot be read: %v", err), "")
		return "", nil, false
	}
	if int64(len(data)) > most {
		w.fail(CodeTooLarge, at(n), fmt.Sprintf("the file is larger than %d KiB", most>>10), "")
		return "", nil, false
	}
	w.refs = append(w.refs, name)
	return name, data, true
}

// add takes up the documents of all files, in the order of their names. Two
// documents with one name are an error that names both places.
func (l *loader) add(files []*file) {
	var refs []string
	for _, f := range files {
		refs = append(refs, f.refs...)
	}
	for _, f := range files {
		if slices.Contains(refs, f.name) {
			continue // facts of a test, in YAML
		}
		l.findings = append(l.findings, f.findings...)
		for _, d := range f.drafts {
			l.document(f.walker, d)
		}
		if f.walker != nil {
			l.findings = append(l.findings, f.walker.findings...)
			f.walker.findings = nil
		}
	}
}

// document takes up one document, unless its name is taken.
func (l *loader) document(w *walker, d draft) {
	switch {
	case d.rule != nil:
		if l.claim(w, d, "rule", d.rule.ID) {
			l.rules = append(l.rules, d.rule)
			if d.rule.ID != "" {
				l.ids[d.rule.ID] = d.rule
			}
		}
	case d.list != nil && l.claim(w, d, "list", d.list.Name) && d.list.Name != "":
		l.lists[d.list.Name] = d.list
	case d.macro != nil && l.claim(w, d, "macro", d.macro.Name) && d.macro.Name != "":
		l.macros[d.macro.Name] = d.macro
	case d.filter != nil && l.claim(w, d, "filter", d.filter.Name):
		l.filters = append(l.filters, d.filter)
	case d.pack != nil && l.claim(w, d, "pack", d.pack.Name):
		dir := path.Dir(d.pack.File)
		if other, twice := l.packs[dir]; twice {
			w.fail(CodeDuplicateID, at(d.node), "the folder is a pack already", fmt.Sprintf("the other is in %s, line %d", other.File, other.Line))
			return
		}
		l.packs[dir] = d.pack
	case d.tests != nil:
		d.tests.walker = w
		l.tests = append(l.tests, d.tests)
	}
}

// claim reports whether the name is free; a document without one made findings
// enough.
func (l *loader) claim(w *walker, d draft, kind, name string) bool {
	key := kind + " " + name
	if other, twice := l.taken[key]; twice && name != "" {
		w.fail(CodeDuplicateID, at(d.node), fmt.Sprintf("there is a %s %s already", kind, name), "the other is in "+other)
		return false
	}
	l.taken[key] = fmt.Sprintf("%s, line %d", w.src.name, d.node.Line)
	return true
}

// fileNames lists what is to be read, in the order of names, so that findings
// and versions are the same every time.
func (l *loader) fileNames(fsys fs.FS) []string {
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
