package rulegen

import (
	"bytes"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing/fstest"

	"go.yaml.in/yaml/v3"
)

// perFile is how many documents go into one file: rule files have a bound.
const perFile = 200

// base is a rule as far as a variation of it goes.
type base struct {
	ID       string
	Severity string
	On       []string
	Where    string
	Lists    map[string][]string // its own

	file string
}

// Vary makes n rules of those of a folder of rule files: each of these once, as
// far as n goes, then variations that name other programs, paths and digests,
// as the rules of a large pack differ from one another. A rule that names
// nothing of the kind is not varied: nobody has it twice. Tests, messages and
// the like are left out.
func Vary(rules fs.FS, n int) (fs.FS, error) {
	bases, lists, err := read(rules)
	if err != nil {
		return nil, err
	}
	var docs []string
	for _, b := range bases {
		if len(docs) < n {
			docs = append(docs, b.document(b.ID, b.Where))
		}
	}
	varied := bases
	for v := 1; len(docs) < n && len(varied) > 0; v++ {
		var next []base
		for _, b := range varied {
			where, differs := b.vary(v, lists)
			if !differs {
				continue
			}
			next = append(next, b)
			if len(docs) < n {
				docs = append(docs, b.document(fmt.Sprintf("%s.v%d", b.ID, v), where))
			}
		}
		varied = next
	}
	if len(docs) < n {
		return nil, fmt.Errorf("making %d rules: only %d can be made", n, len(docs))
	}
	return files(docs, lists), nil
}

// read takes the rules with a condition of their own, and the lists. Whoever
// reads macros, filters or other documents is passed over.
func read(rules fs.FS) (bases []base, lists map[string][]string, err error) {
	lists = map[string][]string{}
	err = fs.WalkDir(rules, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".yaml" {
			return err
		}
		data, err := fs.ReadFile(rules, name)
		if err != nil {
			return err
		}
		dec := yaml.NewDecoder(bytes.NewReader(data))
		for {
			var doc struct {
				base   `yaml:",inline"`
				Status string
				List   string
				Values []string
			}
			if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return fmt.Errorf("reading %s: %w", name, err)
			}
			switch {
			case doc.List != "":
				lists[doc.List] = doc.Values
			case doc.ID != "" && doc.Where != "" && len(doc.On) > 0 && doc.Status != "deprecated" && !strings.Contains(doc.Where, "macros."):
				doc.file = name
				bases = append(bases, doc.base)
			}
		}
	})
	return bases, lists, err
}

func (b *base) document(id, where string) string {
	doc := map[string]any{"id": id, "title": id, "status": "test", "severity": b.Severity, "on": b.On, "where": where}
	if used := b.used(where); len(used) > 0 {
		doc["lists"] = used
	}
	out, err := yaml.Marshal(doc)
	if err != nil {
		panic("internal error: " + err.Error())
	}
	return string(out)
}

// used are the rule's own lists that a condition still reads.
func (b *base) used(where string) map[string][]string {
	out := map[string][]string{}
	for name, values := range b.Lists {
		if strings.Contains(where, "lists."+name) {
			out[name] = values
		}
	}
	return out
}

var (
	literal  = regexp.MustCompile(`r?"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'`)
	listRead = regexp.MustCompile(`in lists\.([a-z0-9_]+)`)
	class    = regexp.MustCompile(`\[(?:[^\]\\]|\\.)*\]`)                           // of a pattern: its ends are no words
	word     = regexp.MustCompile(`(^|[^\\?A-Za-z0-9])([A-Za-z]{2,}|[0-9a-f]{64})`) // behind a ? are a pattern's flags
)

// vary writes the condition with other words in its texts; differs is false
// where it has none that could be others.
func (b *base) vary(v int, lists map[string][]string) (where string, differs bool) {
	where = listRead.ReplaceAllStringFunc(b.Where, func(s string) string {
		name := listRead.FindStringSubmatch(s)[1]
		if b.Lists[name] != nil || len(lists[name]) == 0 || len(lists[name]) > 100 {
			return s
		}
		differs = true
		name, values := fmt.Sprintf("%s_v%d", name, v), lists[name]
		if lists[name] == nil {
			for _, value := range values {
				lists[name] = append(lists[name], otherWords(name, value, v))
			}
		}
		return "in lists." + name
	})
	where = literal.ReplaceAllStringFunc(where, func(text string) string {
		if vocabulary[strings.Trim(strings.TrimPrefix(text, "r"), `"'`)] {
			return text
		}
		varied := otherWords(b.ID, text, v)
		differs = differs || varied != text
		return varied
	})
	return where, differs
}

// otherWords writes a text with other words than those that all rules share.
func otherWords(rule, text string, v int) string {
	var b strings.Builder
	at := 0
	for _, span := range class.FindAllStringIndex(text, -1) {
		b.WriteString(otherPlain(rule, text[at:span[0]], v))
		b.WriteString(text[span[0]:span[1]])
		at = span[1]
	}
	return b.String() + otherPlain(rule, text[at:], v)
}

func otherPlain(rule, text string, v int) string {
	return word.ReplaceAllStringFunc(text, func(s string) string {
		m := word.FindStringSubmatch(s)
		if common[strings.ToLower(m[2])] || vocabulary[m[2]] {
			return s
		}
		return m[1] + other(rule, m[2], v)
	})
}

// other is what variation v of a rule says instead of a word: the name of
// another program, once in sixteen times, or the word with a number: what rules
// look for is rarely what hosts run.
func other(rule, word string, v int) string {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s %s %d", rule, word, v)
	sum := h.Sum64()
	switch {
	case len(word) == 64:
		return fmt.Sprintf("%016x%016x%s", sum, sum*31, word[32:])
	case sum%16 == 0:
		return programs[sum/16%uint64(len(programs))]
	}
	return word + strconv.FormatInt(int64(v), 36)
}

func files(docs []string, lists map[string][]string) fs.FS {
	out := fstest.MapFS{}
	for i := 0; i < len(docs); i += perFile {
		text := strings.Join(docs[i:min(i+perFile, len(docs))], "---\n")
		out[fmt.Sprintf("rules%04d.yaml", i/perFile)] = &fstest.MapFile{Data: []byte(text)}
	}
	names := slices.Sorted(maps.Keys(lists))
	for i := 0; i < len(names); i += perFile {
		var b strings.Builder
		for _, name := range names[i:min(i+perFile, len(names))] {
			doc, err := yaml.Marshal(map[string]any{"list": name, "values": lists[name]})
			if err != nil {
				panic("internal error: " + err.Error())
			}
			fmt.Fprintf(&b, "---\n%s", doc)
		}
		out[fmt.Sprintf("lists%04d.yaml", i/perFile)] = &fstest.MapFile{Data: []byte(b.String())}
	}
	return out
}
