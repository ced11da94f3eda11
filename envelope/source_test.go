package envelope_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"reflect"
	"strings"
	"testing"

	"picket.internal/envelope"
)

// onlyVerifyMakesVerified reads the code: nothing outside the package can fill a
// Verified in, and inside it only Verify does.
func onlyVerifyMakesVerified(t *testing.T) {
	typ := reflect.TypeFor[envelope.Verified]()
	for i := range typ.NumField() {
		if f := typ.Field(i); f.IsExported() || f.Anonymous {
			t.Errorf("field %s can be set from outside", f.Name)
		}
	}
	notTest := func(info fs.FileInfo) bool { return !strings.HasSuffix(info.Name(), "_test.go") }
	makers := map[string]bool{}
	for _, file := range parseFiles(t, notTest) {
		for _, decl := range file.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			name := "a package-level declaration"
			if ok {
				name = fn.Name.Name
			}
			ast.Inspect(decl, func(n ast.Node) bool {
				if makesVerified(n) {
					makers[name] = true
				}
				return true
			})
		}
	}
	if len(makers) != 1 || !makers["Verify"] {
		t.Errorf("a Verified is made in %v", makers)
	}
}

func parseFiles(t *testing.T, keep func(fs.FileInfo) bool) []*ast.File {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(entry.Name(), ".go") || !keep(info) {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), entry.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// makesVerified finds Verified{…}, new(Verified), and variables of the type.
func makesVerified(n ast.Node) bool {
	named := func(e ast.Expr) bool { id, ok := e.(*ast.Ident); return ok && id.Name == "Verified" }
	switch n := n.(type) {
	case *ast.CompositeLit:
		return named(n.Type)
	case *ast.CallExpr:
		id, ok := n.Fun.(*ast.Ident)
		return ok && id.Name == "new" && named(n.Args[0])
	case *ast.ValueSpec:
		return n.Type != nil && named(n.Type)
	}
	return false
}
