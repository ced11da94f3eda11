package rule_test

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"picket.internal/engine/rule"
	"picket.internal/fact"
)

// on evaluates a condition on a fact with that command line, at that time.
func on(t *testing.T, where, commandLine string, at time.Time) (bool, error) {
	t.Helper()
	f := &fact.Fact{Kind: fact.KindProcess, Time: at, Process: &fact.Process{CommandLine: commandLine}}
	return condition(t, where).Evaluate(rule.NewVars(f, nil))
}

func TestCIDR(t *testing.T) {
	for _, tt := range []struct {
		network, text string
		want          bool
	}{
		{"10.0.0.0/8", "10.255.0.1", true},
		{"10.0.0.0/8", "11.0.0.0", false},
		{"10.0.0.0/8", "::ffff:10.1.2.3", true}, // IPv4 within IPv6
		{"::ffff:10.0.0.0/104", "10.1.2.3", true},
		{"0.0.0.0/0", "255.255.255.255", true},
		{"0.0.0.0/0", "::1", false}, // another family
		{"::/0", "::1", true},
		{"::/0", "10.0.0.1", false},
		{"::/0", "::ffff:10.0.0.1", false},
		{"fe80::/10", "fe80::1%eth0", true}, // the zone is not of the address
		{"192.0.2.7/32", "192.0.2.7", true},
		{"192.0.2.7/32", "192.0.2.8", false},
		{"10.0.0.0/8", "", false},
		{"10.0.0.0/8", "10.0.0", false},
		{"10.0.0.0/8", "10.0.0.01", false},
		{"10.0.0.0/8", " 10.0.0.1", false},
		{"10.0.0.0/8", "10.0.0.1:22", false},
		{"10.0.0.0/8", "10.0.0.1\x00", false},
		{"::/0", "fe80::1%" + strings.Repeat("z", 1000), false},
	} {
		got, err := on(t, fmt.Sprintf("process.command_line.cidr(%q)", tt.network), tt.text, time.Time{})
		if got != tt.want || err != nil {
			t.Errorf("%.60q in %s: %v, %v", tt.text, tt.network, got, err)
		}
	}
}

// Whatever stands before and after a part in a text, its base64 is found.
func TestContainsBase64FindsEveryOffset(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, part := range []string{"abc", "abcd", "abcde", "/bin/sh", "\x00é\x10", "curl -s http://"} {
		where := fmt.Sprintf("process.command_line.containsBase64(%s)", celQuote(part))
		c := condition(t, where)
		for range 300 {
			before, after := randomBytes(r, r.IntN(7)), randomBytes(r, r.IntN(7))
			line := "x " + base64.StdEncoding.EncodeToString([]byte(before+part+after))
			f := &fact.Fact{Kind: fact.KindProcess, Process: &fact.Process{CommandLine: line}}
			if ok, err := c.Evaluate(rule.NewVars(f, nil)); !ok || err != nil {
				t.Fatalf("%q in base64 of %q: %v, %v", part, before+part+after, ok, err)
			}
		}
	}
	if ok, err := on(t, `process.command_line.containsBase64("/bin/sh")`, base64.StdEncoding.EncodeToString([]byte("/bin/zsh")), time.Time{}); ok || err != nil {
		t.Errorf("another text: %v, %v", ok, err)
	}
}

func randomBytes(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.IntN(256))
	}
	return string(b)
}

// celQuote writes a text as CEL reads it, whatever is in it.
func celQuote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		fmt.Fprintf(&b, `\U%08x`, r)
	}
	b.WriteByte('"')
	return b.String()
}

func TestFromBase64(t *testing.T) {
	for text, want := range map[string]string{
		"":                     "",
		"c2g=":                 "sh",
		"c2g":                  "sh",
		"c2g==":                "sh", // padding says nothing
		"c2g===":               "",
		"Pz8/":                 "???",
		"Pz8_":                 "???", // the other alphabet
		"Pz8_Pz8/":             "",    // both at once
		"c2\ng=":               "",
		"c2g=x":                "",
		"/w==":                 "", // bytes that are no text
		"not base64 at all":    "",
		"w6k=":                 "é",
		strings.Repeat("=", 9): "",
	} {
		if ok, err := on(t, fmt.Sprintf("process.command_line.fromBase64() == %q && has(process)", want), text, time.Time{}); !ok || err != nil {
			t.Errorf("%q: %v, %v", text, ok, err)
		}
	}
}

func TestEntropy(t *testing.T) {
	all := randomBytes(rand.New(rand.NewPCG(3, 4)), 16<<10)
	for text, bounds := range map[string][2]float64{
		"": {0, 0}, "aaaa": {0, 0}, "ab": {1, 1}, "abcd": {2, 2}, "aab": {0.918, 0.919}, all: {7.9, 8},
	} {
		where := fmt.Sprintf("process.command_line.entropy() >= %f && process.command_line.entropy() <= %f", bounds[0], bounds[1])
		if ok, err := on(t, where, text, time.Time{}); !ok || err != nil {
			t.Errorf("%.20q is not within %v: %v", text, bounds, err)
		}
	}
}

func TestHoursAndWeekdays(t *testing.T) {
	monday := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	hours := map[string]func(h int) bool{
		"time.hourBetween(22, 6)": func(h int) bool { return h >= 22 || h < 6 },
		"time.hourBetween(6, 22)": func(h int) bool { return h >= 6 && h < 22 },
		"time.hourBetween(0, 24)": nil, // refused: the whole day
		"time.hourBetween(9, 24)": func(h int) bool { return h >= 9 },
		"time.hourBetween(0, 1)":  func(h int) bool { return h == 0 },
		"time.hourBetween(23, 0)": func(h int) bool { return h == 23 },
	}
	for where, want := range hours {
		if want == nil {
			refused(t, document(where, onProcess))
			continue
		}
		for h := range 24 {
			at := monday.Add(time.Duration(h)*time.Hour + 59*time.Minute + 59*time.Second)
			if got, err := on(t, where, "", at); got != want(h) || err != nil {
				t.Errorf("%s at %v: %v, %v", where, at, got, err)
			}
		}
	}
	for i, day := range []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"} {
		at := monday.AddDate(0, 0, i).In(time.FixedZone("east", 14*3600)) // the zone of the value does not count
		if got, err := on(t, fmt.Sprintf("time.weekdayIn([%q])", day), "", at); !got || err != nil {
			t.Errorf("%s: %v, %v", day, got, err)
		}
	}
}

func TestListContainsFold(t *testing.T) {
	f := &fact.Fact{Kind: fact.KindProcess, Process: &fact.Process{Args: []string{"SH", "-C", "K\u212a"}}}
	for where, want := range map[string]bool{
		`process.args.containsFold("sh")`:    true,
		`process.args.containsFold("s")`:     false,
		`process.args.containsFold("kk")`:    false, // the Kelvin sign is no ASCII letter
		`process.ancestors.containsFold("")`: false,
	} {
		if got, err := condition(t, where).Evaluate(rule.NewVars(f, nil)); got != want || err != nil {
			t.Errorf("%s: %v, %v", where, got, err)
		}
	}
}

func TestThreat_E1_ArgumentsAreLookedAtWhenTheRuleIsLoaded(t *testing.T) {
	for where, want := range map[string]string{
		`process.name.cidr(user.name)`:                         rule.CodeNotLiteral,
		`process.name.cidr("10.0.0.0" + "/8")`:                 rule.CodeNotLiteral,
		`process.name.cidr("10.0.0.1")`:                        rule.CodeBadArgument,
		`process.name.cidr("10.0.0.1/8")`:                      rule.CodeBadArgument,
		`process.name.cidr("::ffff:10.0.0.0/64")`:              rule.CodeBadArgument,
		`process.name.cidr("10.0.0.0/33")`:                     rule.CodeBadArgument,
		`process.name.cidr("")`:                                rule.CodeBadArgument,
		`process.name.cidr("` + strings.Repeat("1", 99) + `")`: rule.CodeBadArgument,
		`process.name.containsBase64(user.name)`:               rule.CodeNotLiteral,
		`process.name.containsBase64("ab")`:                    rule.CodeBadArgument,
		`process.name.containsBase64("")`:                      rule.CodeBadArgument,
		`time.hourBetween(process.pid, 6)`:                     rule.CodeNotLiteral,
		`time.hourBetween(1, 1 + 1)`:                           rule.CodeNotLiteral,
		`time.hourBetween(24, 6)`:                              rule.CodeBadArgument,
		`time.hourBetween(-1, 6)`:                              rule.CodeBadArgument,
		`time.hourBetween(1, 25)`:                              rule.CodeBadArgument,
		`time.hourBetween(5, 5)`:                               rule.CodeBadArgument,
		`time.weekdayIn([])`:                                   "",
		`time.weekdayIn(["Mon"])`:                              rule.CodeBadArgument,
		`time.weekdayIn(["mon", user.name])`:                   rule.CodeNotLiteral,
		`time.weekdayIn(process.args)`:                         rule.CodeNotLiteral,
	} {
		f := refused(t, document(where, onProcess))[0]
		if want != "" && f.Code != want {
			t.Errorf("%s: %s", where, f)
		}
	}
}

// What looks at a whole text has a bound on it, beyond which it is an error and
// never a silent no.
func TestThreat_E1_WholeTextsAreBounded(t *testing.T) {
	long := strings.Repeat("QUJD", 64<<8) + "QUJD"
	for _, where := range []string{`process.command_line.entropy() > 7.9`, `process.command_line.fromBase64() == "x"`} {
		if _, err := on(t, where, long, time.Time{}); err == nil || !strings.Contains(err.Error(), "too long") {
			t.Errorf("%s on %d bytes: %v", where, len(long), err)
		}
		if _, err := on(t, where, long[4:], time.Time{}); err != nil {
			t.Errorf("%s on %d bytes: %v", where, len(long)-4, err)
		}
	}
}

// What the functions may cost is known when the rule is loaded, and charged for
// when it runs: no condition within its bound can take long.
func TestThreat_E2_FunctionsAreInTheCost(t *testing.T) {
	for _, part := range []string{
		`process.command_line.fromBase64() == "x"`, `process.command_line.containsBase64("abc")`,
		`process.command_line.entropy() > 7.9`, `process.args.containsFold("abcdefgh")`,
	} {
		where := strings.Repeat(part+" || ", 7) + part
		r := condition(t, where)
		if r.Cost < 1000 {
			t.Errorf("%s costs %d", part, r.Cost)
		}
		args := make([]string, 64)
		for i := range args {
			args[i] = strings.Repeat("z", 64)
		}
		v := rule.NewVars(&fact.Fact{Kind: fact.KindProcess, Process: &fact.Process{CommandLine: strings.Repeat("z", 4096), Args: args}}, nil)
		if actual := r.ActualCost(v); actual > r.Cost+r.Cost/100 || actual < 100 {
			t.Errorf("%s: estimated %d, charged %d", part, r.Cost, actual)
		}
	}
	refused(t, document(`process.args.exists(a, process.args.exists(b, (a + b).fromBase64() + (b + a).fromBase64() + process.command_line.fromBase64() == process.command_line))`, onProcess))
}

func BenchmarkFunctions(b *testing.B) {
	line := strings.Repeat("q83vEjRWeJA", 4096/11)
	f := &fact.Fact{Kind: fact.KindProcess, Time: time.Now(), Process: &fact.Process{CommandLine: line, Name: "2001:db8:1:2:3:4:5:6"}}
	for _, where := range []string{
		`process.name.cidr("fc00::/7")`, `process.command_line.entropy() > 7.9`, `process.command_line.containsBase64("/bin/sh")`,
		`process.command_line.fromBase64() == "x"`, `time.hourBetween(22, 6) && has(file)`, `time.weekdayIn(["sat", "sun"]) && has(file)`,
	} {
		b.Run(where, func(b *testing.B) {
			r, v := condition(b, where), rule.NewVars(f, nil)
			b.ReportMetric(float64(r.ActualCost(v)), "units/op")
			for b.Loop() {
				if _, err := r.EvaluateDirect(v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
