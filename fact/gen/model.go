package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"reflect"
	"strconv"
	"strings"
)

// model is what the source says: structs with their fields in order, and the
// string constants with their comments.
type model struct {
	structs map[string]*structType
	consts  []constant
}

type structType struct {
	doc    string
	fields []field
}

// field is one struct field as JSON and rules see it.
type field struct {
	json     string
	required bool
	decimal  bool // a 64-bit integer that travels as a decimal string
	goType   string
	list     bool
	doc      string
	unit     string
	source   string
}

type constant struct {
	name, value, goType, doc string
}

// scalars maps a Go type to the name of its type in rules.
var scalars = map[string]string{
	"string": "string", "Kind": "string", "bool": "bool", "int64": "int", "uint64": "uint",
	"float64": "double", "time.Time": "timestamp",
}

func readModel(dir string) (*model, error) {
	m := &model{structs: map[string]*structType{}}
	set := token.NewFileSet()
	keep := func(f fs.FileInfo) bool {
		return !strings.HasSuffix(f.Name(), "_test.go") && f.Name() != "fields_gen.go"
	}
	//lint:ignore SA1019 one folder without build tags: the old parser does, and go/packages is a large dependency
	pkgs, err := parser.ParseDir(set, dir, keep, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	pkg, ok := pkgs["fact"]
	if !ok {
		return nil, fmt.Errorf("no package fact in %s", dir)
	}
	names := make([]string, 0, len(pkg.Files))
	for name := range pkg.Files {
		names = append(names, name)
	}
	for _, name := range sorted(names) {
		for _, decl := range pkg.Files[name].Decls {
			if err := m.read(decl); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return m, nil
}

func (m *model) read(decl ast.Decl) error {
	gen, ok := decl.(*ast.GenDecl)
	if !ok {
		return nil
	}
	goType := ""
	for _, spec := range gen.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			st, ok := s.Type.(*ast.StructType)
			if !ok || st.Fields == nil {
				continue
			}
			t, err := readStruct(st, gen.Doc.Text())
			if err != nil {
				return fmt.Errorf("%s: %w", s.Name.Name, err)
			}
			if t != nil {
				m.structs[s.Name.Name] = t
			}
		case *ast.ValueSpec:
			if gen.Tok != token.CONST || len(s.Values) != 1 {
				continue
			}
			lit, ok := s.Values[0].(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				continue
			}
			if id, ok := s.Type.(*ast.Ident); ok {
				goType = id.Name
			}
			value, err := strconv.Unquote(lit.Value)
			if err != nil {
				return err
			}
			m.consts = append(m.consts, constant{s.Names[0].Name, value, goType, strings.TrimSpace(s.Comment.Text())})
		}
	}
	return nil
}

// readStruct returns nil for a struct without JSON names: not part of a fact.
func readStruct(st *ast.StructType, doc string) (*structType, error) {
	t := &structType{doc: oneLine(doc)}
	for _, f := range st.Fields.List {
		if f.Tag == nil {
			return nil, nil
		}
		raw, err := strconv.Unquote(f.Tag.Value)
		if err != nil {
			return nil, err
		}
		tag := reflect.StructTag(raw).Get("json")
		if tag == "" {
			return nil, nil
		}
		name, opts, _ := strings.Cut(tag, ",")
		one := field{
			json:     name,
			required: !strings.Contains(opts, "omitempty"),
			decimal:  strings.Contains(opts, "string"),
		}
		one.goType, one.list = typeName(f.Type)
		if one.doc, one.unit, one.source, err = splitDoc(f.Doc.Text()); err != nil {
			return nil, fmt.Errorf("field %s: %w", name, err)
		}
		one.doc = withoutName(one.doc, f.Names[0].Name)
		t.fields = append(t.fields, one)
	}
	return t, nil
}

func typeName(e ast.Expr) (name string, list bool) {
	switch t := e.(type) {
	case *ast.StarExpr:
		return typeName(t.X)
	case *ast.ArrayType:
		name, _ = typeName(t.Elt)
		return name, true
	case *ast.SelectorExpr:
		return fmt.Sprint(t.X, ".", t.Sel), false
	case *ast.Ident:
		return t.Name, false
	}
	return fmt.Sprintf("%T", e), false
}

// splitDoc takes "What it is. Unit: bytes. Source: stat(2)." apart.
func splitDoc(text string) (doc, unit, source string, err error) {
	doc = oneLine(text)
	if doc == "" {
		return "", "", "", fmt.Errorf("no doc comment")
	}
	if before, after, ok := strings.Cut(doc, " Source: "); ok {
		doc, source = before, strings.TrimSuffix(after, ".")
	}
	if before, after, ok := strings.Cut(doc, " Unit: "); ok {
		doc, unit = before, strings.TrimSuffix(after, ".")
	}
	return doc, unit, source, nil
}

// withoutName drops the Go name with which a doc comment begins: readers of
// the reference know the field by its path.
func withoutName(doc, name string) string {
	doc = strings.TrimPrefix(doc, name+" ")
	doc = strings.TrimPrefix(doc, "is, ")
	doc = strings.TrimPrefix(doc, "is ")
	return strings.TrimPrefix(doc, "are ")
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// kind is a constant of type Kind with the actions that its facts can have.
type kind struct {
	value, doc string
	actions    []constant
}

// kinds pairs each Kind constant with the action constants that begin with its
// name; a kind without any of its own has those of an inventory.
func (m *model) kinds() []kind {
	var out []kind
	for _, c := range m.consts {
		if c.goType != "Kind" {
			continue
		}
		k := kind{value: c.value, doc: c.doc}
		prefix := strings.TrimPrefix(c.name, "Kind")
		for _, a := range m.consts {
			if a.goType == "" && strings.HasPrefix(a.name, prefix) {
				k.actions = append(k.actions, a)
			}
		}
		if len(k.actions) == 0 {
			for _, a := range m.consts {
				if a.name == "Seen" || a.name == "Added" || a.name == "Removed" || a.name == "Changed" {
					k.actions = append(k.actions, a)
				}
			}
		}
		out = append(out, k)
	}
	return out
}
