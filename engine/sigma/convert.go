package sigma

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"picket.internal/engine/rule"
)

// File is one Sigma file.
type File struct {
	Name string // its path; the ids of the rules in it are made of it
	Data []byte
}

// Options say what Sigma files do not. The zero value is for SigmaHQ's own rules.
type Options struct {
	// Placeholders are what the modifier expand puts in; without them rules that
	// use it are refused.
	Placeholders map[string][]string
	// Source names where the rules come from; empty means SigmaHQ.
	Source string
	// SourceURL is the link to it; one that ends in a slash is a folder, to which
	// the file's name is added. Empty means SigmaHQ's repository where Source is
	// empty too, and no link otherwise.
	SourceURL string
	// Licence is that of rules that state none, by its SPDX name; empty means
	// DRL-1.1 where Source is empty too, and nothing otherwise.
	Licence string
	// Player runs the tests that are made for correlations; nil: they are loaded,
	// but not run.
	Player rule.Player
}

func (o Options) source() string {
	if o.Source == "" {
		return "SigmaHQ"
	}
	return o.Source
}

func (o Options) url(file string) string {
	switch {
	case strings.HasSuffix(o.SourceURL, "/"):
		return o.SourceURL + file[strings.LastIndexByte(file, '/')+1:]
	case o.SourceURL == "" && o.Source == "":
		return "https://github.com/SigmaHQ/sigma"
	}
	return o.SourceURL
}

func (o Options) licence(own string) string {
	switch {
	case own != "":
		return own
	case o.Licence == "" && o.Source == "":
		return "DRL-1.1"
	}
	return o.Licence
}

// Output is what became of one file: rule documents, or the reason why there are
// none.
type Output struct {
	File string
	// Name is what a file of the rules may be called: lower-case letters, digits
	// and underscores, and .yaml, whatever File is.
	Name string
	// Rules is the file of rules; nil where Err is not.
	Rules []byte
	// IDs are those of the documents in it, in their order.
	IDs []string
	// Err names the part that has no faithful meaning, and says why.
	Err error
}

// maxFiles bounds one conversion.
const maxFiles = 10_000

// Convert turns Sigma files into rule documents, an output for each file in
// their order. Correlations and filters find the rules that they name among all
// of them.
func Convert(files []File, o Options) []Output {
	c := &conversion{options: o, names: map[string]*document{}, ids: map[string]string{}}
	out := make([]Output, len(files))
	all := make([][]*document, len(files))
	for i, f := range files {
		out[i].File, out[i].Name = f.Name, fileName(f.Name)
		if i >= maxFiles {
			out[i].Err = fmt.Errorf("more than %d files at once", maxFiles)
			continue
		}
		all[i], out[i].Err = c.read(f)
	}
	for i := range files {
		if out[i].Err == nil {
			out[i].Err = c.link(all[i])
		}
		c.refuse(all[i], out[i].Err)
	}
	for i := range files {
		if out[i].Err == nil {
			out[i].Rules, out[i].Err = c.write(all[i])
		}
		c.refuse(all[i], out[i].Err)
	}
	c.settle(all, out)
	return out
}

// conversion is one call of Convert.
type conversion struct {
	options Options
	names   map[string]*document // by Sigma's ids and names
	ids     map[string]string    // ours, with the file that has them
}

// document is one Sigma document on its way.
type document struct {
	*meta
	id     string
	file   string
	yaml   *yaml.Node
	source *source // of rules and filters
	node   *node   // their condition
	out    *yaml.Node
	reads  []*document // the rules that a correlation or filter names

	refused bool
}

// read reads the documents of a file. Detections are complete after it.
func (c *conversion) read(f File) ([]*document, error) {
	nodes, err := documents(f.Data)
	if err != nil {
		return nil, err
	}
	var out []*document
	for i, n := range nodes {
		d, err := c.document(f, n, len(nodes) > 1)
		if err != nil {
			if len(nodes) > 1 {
				err = fmt.Errorf("document %d: %w", i+1, err)
			}
			return nil, err
		}
		out = append(out, d)
	}
	for _, d := range out {
		if err := c.register(d); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// register makes the document known by its names.
func (c *conversion) register(d *document) error {
	if other, twice := c.ids[d.id]; twice {
		return fmt.Errorf("the id %s, made of the name, is that of a document in %q already", d.id, other)
	}
	c.ids[d.id] = d.file
	for _, name := range []string{d.uuid, d.name} {
		if name == "" {
			continue
		}
		if other, twice := c.names[name]; twice && other != d {
			return fmt.Errorf("%q is the name or id of a document in %q already", name, other.file)
		}
		c.names[name] = d
	}
	return nil
}

func (c *conversion) document(f File, n *yaml.Node, several bool) (*document, error) {
	m, err := readMeta(n)
	if err != nil {
		return nil, err
	}
	d := &document{meta: m, file: f.Name, yaml: n, id: m.ourID(f.Name, several)}
	if action := lookup(n, "action"); action != nil {
		return nil, at(action, "action is of the old Sigma; write each document in full")
	}
	detection := lookup(n, "detection")
	switch {
	case lookup(n, "correlation") != nil:
		return d, nil
	case lookup(n, "filter") != nil:
		return d, c.condition(d, lookup(n, "filter"), true)
	case detection == nil:
		return nil, at(n, "the document has neither detection, correlation nor filter")
	}
	return d, c.condition(d, detection, false)
}

// condition reads log source and detection; those of a filter stand among other
// keys.
func (c *conversion) condition(d *document, n *yaml.Node, filter bool) error {
	l, err := readLogsource(lookup(d.yaml, "logsource"))
	if err != nil {
		return err
	}
	if d.source, err = l.find(); err != nil {
		return err
	}
	if filter {
		if n, err = without(n, "rules"); err != nil {
			return err
		}
	}
	reader := &detector{source: d.source, placeholders: c.options.Placeholders}
	d.node, err = reader.detection(n)
	return err
}

func readLogsource(n *yaml.Node) (l logsource, err error) {
	if n == nil {
		return l, errors.New("the document has no log source")
	}
	entries, err := mapping(n, "logsource")
	if err != nil {
		return l, err
	}
	for _, e := range entries {
		value, err := scalar(e.value, e.key.Value)
		if err != nil {
			return l, err
		}
		switch e.key.Value {
		case "category":
			l.category = strings.ToLower(value)
		case "product":
			l.product = strings.ToLower(value)
		case "service":
			l.service = strings.ToLower(value)
		case "definition":
		default:
			return l, at(e.key, "log source: %q narrows it in a way that is not known here", e.key.Value)
		}
	}
	return l, nil
}

// without is a mapping less one key.
func without(n *yaml.Node, key string) (*yaml.Node, error) {
	entries, err := mapping(n, "filter")
	if err != nil {
		return nil, err
	}
	out := *n
	out.Content = nil
	for _, e := range entries {
		if e.key.Value != key {
			out.Content = append(out.Content, e.key, e.value)
		}
	}
	return &out, nil
}
