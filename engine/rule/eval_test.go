package rule_test

import (
	"errors"
	"strings"
	"testing"

	"picket.internal/engine/internal/sample"
	"picket.internal/engine/rule"
	"picket.internal/fact"
)

func TestConditions(t *testing.T) {
	tests := []struct {
		where string
		want  bool
	}{
		{`process.pid == 42`, true},
		{`process.pid == 43`, false},
		{`process.start_ticks == 1152921504606846976u`, true},
		{`process.start_ticks > 5`, true}, // a uint and an int can be ordered
		{`process.executable.startsWith("/usr/bin/")`, true},
		{`process.executable.base() == "dash"`, true},
		{`process.executable.dir() == "/usr/bin"`, true},
		{`process.executable in ["/bin/sh", "/usr/bin/dash"]`, true},
		{`"-c" in process.args`, true},
		{`process.args[1] == "-c"`, true},
		{`process.args.exists(a, a == "id")`, true},
		{`process.args.all(a, a != "")`, true},
		{`process.args.filter(a, a.startsWith("-")).size() == 1`, true},
		{`process.args.exists_one(a, a == "id")`, true},
		{`size(process.args) == 3`, true},
		{`process.hash.sha256 == "` + strings.Repeat("a", 64) + `"`, true},
		{`has(process)`, true},
		{`has(file)`, false},
		{`!has(file) && file.path == ""`, true}, // absent fields have their type's default
		{`has(process.parent)`, true},
		{`has(process.parent.executable)`, true},
		{`has(process.working_directory)`, false},
		{`has(process.exit_code) && process.exit_code == 0`, true}, // present and zero
		{`file.size == 0u`, true},
		{`service.name == ""`, true},
		{`host.name == "web-1"`, true},
		{`kind == "process"`, true},
		{`seq == 7u`, true},
		{`time.getHours() < 24`, true},
		{`time < timestamp("2026-01-01T00:00:00Z")`, true},
		{`process.executable.matches("^/usr/s?bin/da")`, true},
		{`process.executable.glob("/usr/*/da?h")`, true},
		{`process.executable.glob("/usr/*")`, false},
		{`process.executable.glob("/usr/**")`, true},
		{`process.executable.under("/usr")`, true},
		{`process.executable.under("/us")`, false},
		{`process.executable.equalsFold("/USR/BIN/Dash")`, true},
		{`process.name == "sh" ? user.id == "33" : user.id == "0"`, true},
		{`prevalence.first_in_fleet`, false},
		{`prevalence.hosts == 0`, true},
	}
	v := rule.NewVars(processFact(), nil)
	for _, tt := range tests {
		t.Run(tt.where, func(t *testing.T) {
			got, err := condition(t, tt.where).Evaluate(v)
			if err != nil || got != tt.want {
				t.Errorf("%v, %v; wanted %v", got, err, tt.want)
			}
		})
	}
}

// The word package is reserved in CEL and a block of facts.
func TestBlockNamedPackage(t *testing.T) {
	r := load(t, document("package.name == \"sudo\" && has(package) && !package.version.contains(\"package\")", "on: [package]", "message: \"{{package.name}}\""))
	f := &fact.Fact{Kind: fact.KindPackage, Package: &fact.Package{Action: "added", Name: "sudo"}}
	v := rule.NewVars(f, nil)
	if got, err := r.Evaluate(v); !got || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	values, err := r.Explain(v)
	if err != nil || values[`package.name == "sudo"`] != "true" || values["package.name"] != "sudo" {
		t.Errorf("%v, %v", values, err)
	}
	if text, err := r.RenderMessage(v); text != "sudo" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	finding := refused(t, document(`package.nam == "x"`, "on: [package]"))[0]
	if finding.Message != `there is no field "nam" in package` || finding.Suggestion != "did you mean package.name?" {
		t.Errorf("%+v", finding)
	}
}

func TestObjectsInLists(t *testing.T) {
	r := load(t, document(`metric.disks.exists(d, d.name == "sdb" && d.busy > 0.9)`, "on: [metric]"))
	v := new(rule.Vars)
	for busy, want := range map[float64]bool{0.95: true, 0.5: false} {
		v.Reset(&fact.Fact{Kind: fact.KindMetric, Metric: &fact.Metric{Disks: []fact.Disk{{Name: "sda", Busy: 1}, {Name: "sdb", Busy: busy}}}}, nil)
		if got, err := r.Evaluate(v); got != want || err != nil {
			t.Errorf("busy %v: %v, %v", busy, got, err)
		}
	}
}

// A Vars is used for one fact after the other: nothing of the last one may be
// left.
func TestVarsForgetTheLastFact(t *testing.T) {
	r := condition(t, `process.parent.name == "nginx" || process.args.exists(a, a == "id") || user.id == "33" || prevalence.learned`)
	v := rule.NewVars(processFact(), &fact.Prevalence{Learned: true})
	if got, err := r.Evaluate(v); !got || err != nil {
		t.Fatalf("%v, %v", got, err)
	}
	v.Reset(&fact.Fact{Kind: fact.KindProcess, Process: &fact.Process{PID: 1}}, nil)
	if got, err := r.Evaluate(v); got || err != nil {
		t.Errorf("after reset: %v, %v", got, err)
	}
	v.Reset(nil, nil)
	if got, err := r.Evaluate(v); got || err != nil {
		t.Errorf("without a fact: %v, %v", got, err)
	}
}

// A short cut that spares most facts the full condition must never change the
// answer, nor hide an error.
func TestShortcutAnswersAsTheConditionDoes(t *testing.T) {
	src := sample.New(7)
	set, findings := rule.Load("sample.yaml", src.Rules(250))
	if set == nil {
		t.Fatal(findings.Err())
	}
	v := new(rule.Vars)
	matches, failures := 0, 0
	for range 250 {
		v.Reset(src.Fact(), src.Prevalence())
		for _, r := range set.Rules() {
			got, gotErr := r.Evaluate(v)
			want, wantErr := r.EvaluateDirect(v)
			if got != want || (gotErr == nil) != (wantErr == nil) {
				t.Fatalf("%s: %v, %v; in full %v, %v\n%s", r.ID, got, gotErr, want, wantErr, r.Where)
			}
			if want {
				matches++
			}
			if wantErr != nil {
				failures++
			}
		}
	}
	if matches < 1000 || failures < 100 {
		t.Errorf("%d matches and %d failures prove little", matches, failures)
	}
}

// The estimate at load is what keeps a costly rule out: it must not be less
// than what an evaluation then costs, on facts of the size it is made for.
func TestCostStaysBelowTheEstimate(t *testing.T) {
	src := sample.New(3)
	set, findings := rule.Load("sample.yaml", src.Rules(200))
	if set == nil {
		t.Fatal(findings.Err())
	}
	v := new(rule.Vars)
	for range 100 {
		v.Reset(src.Fact(), src.Prevalence())
		for _, r := range set.Rules() {
			if got := r.ActualCost(v); got > r.Cost {
				t.Errorf("%s cost %d, estimated %d\n%s", r.ID, got, r.Cost, r.Where)
			}
		}
	}
}

func TestMostConditionsAreSparedTheFullEvaluation(t *testing.T) {
	for where, want := range map[string]bool{
		`process.name == "sh"`: true,
		`"sh" == process.name && process.args.exists(a, a == "x")`:          true,
		`process.args.exists(a, a == "x") && process.name in ["a", "b"]`:    true,
		`process.name == "a" || process.executable.base() == "b"`:           true,
		`process.name == "a" || process.args.exists(a, a == "b")`:           true,
		`process.name == "a" || process.args.all(a, a == "b")`:              true,
		`!(process.name == "a" && process.executable.startsWith("/tmp"))`:   true,
		`!(process.name.matches("x"))`:                                      true,
		`process.name.matches("x") && process.args[0] == "y"`:               true,
		`process.executable.glob("/tmp/*")`:                                 true,
		`has(process.hash) && process.deleted`:                              true,
		`has(process)`:                                                      true,
		`process.pid > 5`:                                                   true,
		`prevalence.first_in_fleet`:                                         true,
		`process.name.lowerAscii() == "x"`:                                  true,
		`process.name.trim() == "x"`:                                        false,
		`process.name == process.parent.name`:                               false,
		`time > timestamp("2026-01-01T00:00:00Z") && process.name != "x"`:   true,
		`process.pid in [1, 2] && process.start_ticks == 7u`:                true,
		`process.name.equalsFold("X") || process.executable.under("/tmp")`:  true,
		`process.name in process.args`:                                      false,
		`process.name in ["a", process.parent.name] || process.name == "x"`: false,
		`process.name.contains(process.parent.name)`:                        false,
	} {
		if got := condition(t, where).Need().Spares(); got != want {
			t.Errorf("%s: %v", where, got)
		}
	}
}

func TestThreat_E3_ErrorIsAnOutcome(t *testing.T) {
	v := rule.NewVars(processFact(), nil)
	for _, where := range []string{
		`process.args[7] == "x"`,
		`1 / (process.pid - 42) == 1`,
		`timestamp(process.start) > time`,
		`int(process.name) == 1`,
		`process.name.substring(5) == ""`,
	} {
		t.Run(where, func(t *testing.T) {
			got, err := condition(t, where).Evaluate(v)
			var problem *rule.EvalError
			if got || !errors.As(err, &problem) || problem.ID != rule.ErrEval || problem.Detail == "" {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
	t.Run("has tells absent from present", func(t *testing.T) {
		r := condition(t, `size(process.args) > 7 && process.args[7] == "x"`)
		if got, err := r.Evaluate(v); got || err != nil {
			t.Errorf("%v, %v", got, err)
		}
	})
}

func TestExplain(t *testing.T) {
	r := condition(t, `process.action in ["start", "exec"] && process.parent.name == "nginx" && (process.args.exists(a, a == "-c") || user.id == "0")`)
	values, err := r.Explain(rule.NewVars(processFact(), nil))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		`process.action`:                      "start",
		`process.action in ["start", "exec"]`: "true",
		`process.parent.name`:                 "nginx",
		`process.parent.name == "nginx"`:      "true",
		`process.args.exists(a, a == "-c")`:   "true",
	}
	for part, value := range want {
		if values[part] != value {
			t.Errorf("%s is %q, wanted %q", part, values[part], value)
		}
	}
	if len(values) != len(want) {
		t.Errorf("%v: user.id was not looked at, so it has no value", values)
	}
}

func TestExplainIsBounded(t *testing.T) {
	f := processFact()
	f.Process.CommandLine = strings.Repeat("ä", 5000)
	var parts []string
	for i := range 50 {
		parts = append(parts, `process.command_line != "`+strings.Repeat("x", i)+`"`)
	}
	values, err := condition(t, strings.Join(parts, " && ")).Explain(rule.NewVars(f, nil))
	if err != nil || len(values) > 32 {
		t.Fatalf("%d values, %v", len(values), err)
	}
	for part, value := range values {
		if len(part) > 256 || len(value) > 256 {
			t.Errorf("%d bytes = %d bytes", len(part), len(value))
		}
	}
}
