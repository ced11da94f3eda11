package rule

import (
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// EngineVersion is what packs ask for by the key engine. It grows when rules
// learn something that older engines would refuse or misread.
const EngineVersion = 1

// packFile is the only file that holds a pack document, and all that it holds.
const packFile = "pack.yaml"

var (
	packForm    = regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]*$`)
	versionForm = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$`)
	engineForm  = regexp.MustCompile(`^(>=)? ?([0-9]{1,6})$`)
)

var packTable = table[Pack]{"a pack", []key[Pack]{
	must(formKey("pack", packForm, "write it in lower case, as in linux-base", func(p *Pack) *string { return &p.Name })),
	must(formKey("version", versionForm, "write three numbers, as in 1.2.0", func(p *Pack) *string { return &p.Version })),
	own("engine", shape{"anyOf": []any{shape{"type": "integer", "minimum": 1}, shape{"type": "string", "pattern": engineForm.String()}}}, (*walker).engine),
	textKey("description", maxText, func(p *Pack) *string { return &p.Description }),
	textKey("author", 200, func(p *Pack) *string { return &p.Author }),
	textKey("licence", 200, func(p *Pack) *string { return &p.Licence }),
}}

func (w *walker) engine(p *Pack, e entry) {
	m := engineForm.FindStringSubmatch(e.value.Value)
	if e.value.Kind != yaml.ScalarNode || m == nil {
		w.fail(CodeBadValue, at(e.value), "malformed engine version", "write the least version of the engine, a whole number: engine: 1")
		return
	}
	if p.Engine, _ = strconv.Atoi(m[2]); p.Engine > EngineVersion {
		w.fail(CodeEngine, at(e.value), fmt.Sprintf("the pack needs engine version %d, this is %d", p.Engine, EngineVersion), "update Picket, or use an older version of the pack")
	}
}

func (w *walker) packDocument(n *yaml.Node) *Pack {
	p := &Pack{File: w.src.name, Line: n.Line}
	if path.Base(w.src.name) != packFile {
		w.fail(CodeBadValue, at(n), "a pack document stands outside "+packFile, "move it to "+packFile+" in the folder that is the pack")
		return nil
	}
	if _, ok := packTable.read(w, n, p); !ok {
		return nil
	}
	return p
}

// packOf is the pack that a file belongs to: that of the nearest folder above
// it that is one.
func packOf(file string, byDir map[string]*Pack) *Pack {
	for dir := path.Dir(file); ; dir = path.Dir(dir) {
		if p, ok := byDir[dir]; ok {
			return p
		}
		if dir == "." || dir == "/" || strings.Trim(dir, ".") == "" {
			return nil
		}
	}
}
