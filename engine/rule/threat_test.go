package rule_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/engine/rule"
	"picket.internal/fact"
)

func TestThreat_E1_PatternIsRefused(t *testing.T) {
	tests := []struct{ where, code, message string }{
		{`process.name.matches("(a|aa|aaa){1,1000}$")`, rule.CodeRegexSize, "(10002 > 1000)"},
		{`process.name.matches(process.name)`, rule.CodeRegexLiteral, "must be written out"},
		{`process.name.matches("a" + "b")`, rule.CodeRegexLiteral, "must be written out"},
		{`process.executable.glob(process.name)`, rule.CodeRegexLiteral, "must be written out"},
		{`process.name.matches("(?:a{1000}){1000}")`, rule.CodeRegexSyntax, ""},
	}
	for _, tt := range tests {
		t.Run(tt.where, func(t *testing.T) {
			f := refused(t, document(tt.where, onProcess))[0]
			if f.Code != tt.code || !strings.Contains(f.Message, tt.message) {
				t.Errorf("%+v", f)
			}
		})
	}
}

// A pattern within its bound meets a string that is not: the outcome is an
// error, soon, and not a silent no.
func TestThreat_E1_LongStringIsAnError(t *testing.T) {
	r := condition(t, `process.command_line.matches("(a|aa|aaa){1,90}$")`)
	v := rule.NewVars(&fact.Fact{Kind: fact.KindProcess, Process: &fact.Process{CommandLine: strings.Repeat("a", 1<<20)}}, nil)
	start := time.Now()
	matched, err := r.Evaluate(v)
	var problem *rule.EvalError
	if matched || !errors.As(err, &problem) || problem.ID != rule.ErrEval && problem.ID != rule.ErrCost {
		t.Errorf("%v, %v", matched, err)
	}
	if d := time.Since(start); d > time.Second {
		t.Errorf("it took %v", d)
	}
}

// The largest string that a fact can carry, against the largest pattern that a
// rule can: no evaluation may take long.
func TestThreat_E1_WorstCaseIsBounded(t *testing.T) {
	r := condition(t, `process.command_line.matches("(a|aa|aaa){1,24}$")`)
	v := rule.NewVars(&fact.Fact{Kind: fact.KindProcess, Process: &fact.Process{CommandLine: strings.Repeat("a", 16<<10) + "b"}}, nil)
	// The thread's own processor time: what else the machine does must not count.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start := threadTime(t)
	if _, err := r.Evaluate(v); err != nil {
		t.Errorf("a small pattern takes the largest string: %v", err)
	}
	if d := threadTime(t) - start; d > 2*time.Second {
		t.Errorf("it took %v of processor time", d)
	}
}

func threadTime(t *testing.T) time.Duration {
	t.Helper()
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		t.Fatal(err)
	}
	return time.Duration(ts.Nano())
}

func TestThreat_E2_CostIsRefusedAtLoad(t *testing.T) {
	for where, code := range map[string]string{
		`process.args.all(a, process.args.all(b, process.args.all(c, a != b + c)))`:             rule.CodeNesting,
		`process.args.exists(a, process.args.exists(b, a + b == process.command_line + a + b))`: rule.CodeCost,
		`(` + strings.Repeat(`process.command_line + `, 60) + `"x").size() == 1`:                rule.CodeCost,
		strings.Repeat("(", 2000) + "process.deleted" + strings.Repeat(")", 2000):               rule.CodeSyntax,
		strings.Repeat("!", 4000) + "process.deleted":                                           "",
		`process.name in [` + strings.Repeat(`"abc", `, 2000) + `"x"]`:                          rule.CodeTooLarge,
	} {
		t.Run(where[:min(40, len(where))], func(t *testing.T) {
			start := time.Now()
			set, findings := rule.Load("test.yaml", []byte(document(where, onProcess)))
			if d := time.Since(start); d > 5*time.Second {
				t.Errorf("it took %v", d)
			}
			if code == "" {
				return // whether it loads or not: soon, and without a panic
			}
			if set != nil || !strings.Contains(findings.String(), "["+code+"]") {
				t.Errorf("wanted %s:\n%s", code, findings)
			}
		})
	}
}

// What the estimate takes for small may be large in a hostile fact: then the
// limit at run time ends it, and it is an error.
func TestThreat_E2_CostIsExceededAtRunTime(t *testing.T) {
	r := condition(t, `process.args.exists(a, process.args.exists(b, a == b + "x"))`)
	args := make([]string, 2000)
	for i := range args {
		args[i] = strings.Repeat("y", 200)
	}
	v := rule.NewVars(&fact.Fact{Kind: fact.KindProcess, Process: &fact.Process{Args: args}}, nil)
	start := time.Now()
	matched, err := r.Evaluate(v)
	var problem *rule.EvalError
	if matched || !errors.As(err, &problem) || problem.ID != rule.ErrCost && problem.ID != rule.ErrTime {
		t.Errorf("%v, %v", matched, err)
	}
	if d := time.Since(start); d > 2*time.Second {
		t.Errorf("it took %v", d)
	}
	// The same rule goes on with the next fact.
	v.Reset(&fact.Fact{Kind: fact.KindProcess, Process: &fact.Process{Args: []string{"a", "ax"}}}, nil)
	if matched, err := r.Evaluate(v); !matched || err != nil {
		t.Errorf("afterwards: %v, %v", matched, err)
	}
}

// Every program is planned in one place, and there with all its bounds: a
// second place, or a bound left out, fails here.
func TestThreat_E2_NoProgramGoesWithoutBounds(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	calls := map[string]map[string]int{} // function -> what it calls, how often
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok {
				calls[f.Name.Name] = methodCalls(f)
			}
		}
	}
	for name, called := range calls {
		if name != "newProgram" && (called["Program"] > 0 || called["PlanProgram"] > 0) {
			t.Errorf("%s plans a program of its own", name)
		}
	}
	for _, bound := range []string{"Program", "CostTracking", "CostLimit", "InterruptCheckFrequency", "OptimizeRegex"} {
		if calls["newProgram"][bound] == 0 {
			t.Errorf("newProgram lacks %s", bound)
		}
	}
}

func methodCalls(f *ast.FuncDecl) map[string]int {
	out := map[string]int{}
	ast.Inspect(f, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			if sel, ok := call.Fun.(*ast.SelectorExpr); ok {
				out[sel.Sel.Name]++
			}
		}
		return true
	})
	return out
}

// A panic inside of CEL comes back as an error, which must be told from others:
// the engine disables the rule.
func TestThreat_E7_PanicIsToldFromOtherErrors(t *testing.T) {
	var problem *rule.EvalError
	if err := rule.EvaluatePanic(); !errors.As(err, &problem) || problem.ID != rule.ErrPanic || problem.Detail != "boom" {
		t.Errorf("%v", err)
	}
}
