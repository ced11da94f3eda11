package rule

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Level says how much a finding matters.
type Level string

const (
	// LevelError keeps the whole set from being used.
	LevelError Level = "error"
	// LevelWarning is for the author to look at.
	LevelWarning Level = "warning"
)

// Codes of findings. They are stable.
const (
	CodeYAML           = "rule.yaml"               // not YAML, or YAML that rules do not use
	CodeTooLarge       = "rule.too_large"          // a file, value or number of values over its bound
	CodeUnknownKey     = "rule.unknown_key"        // a key that no document has
	CodeDuplicateKey   = "rule.duplicate_key"      // a key twice in one mapping
	CodeMissingKey     = "rule.missing_key"        // a key that must be there
	CodeBadValue       = "rule.bad_value"          // a value of the wrong type or out of its range
	CodeDuplicateID    = "rule.duplicate_id"       // two documents with one name
	CodeUnknownKind    = "rule.unknown_kind"       // no such kind of fact
	CodeUnknownField   = "rule.unknown_field"      // no such field
	CodeUnknownName    = "rule.unknown_name"       // no such variable or function
	CodeUnknownList    = "rule.unknown_list"       // no such list
	CodeUnknownMacro   = "rule.unknown_macro"      // no such macro
	CodeUnknownRule    = "rule.unknown_rule"       // no such rule
	CodeUnknownPolicy  = "rule.unknown_policy"     // no such response policy
	CodeCycle          = "rule.cycle"              // macros or correlations that read themselves
	CodeCorrelation    = "rule.correlation"        // keys of a correlation that do not go together
	CodeUnreachable    = "rule.unreachable"        // a part of a condition that the rest decides
	CodeDuplicate      = "rule.duplicate"          // two rules with one condition
	CodeShadowed       = "rule.shadowed"           // an exception that never gets to speak
	CodeExpired        = "rule.expired"            // an exception or a filter past its day
	CodeListFile       = "rule.list_file"          // the file of a list
	CodeFactFile       = "rule.fact_file"          // the file of a test's facts
	CodeSyntax         = "rule.syntax"             // not CEL
	CodeType           = "rule.type_mismatch"      // values that do not go together
	CodeNotBool        = "rule.not_bool"           // a condition that is neither true nor false
	CodeConstant       = "rule.constant"           // a condition that is always the same
	CodeNeverMatches   = "rule.never_matches"      // a comparison that no fact can meet
	CodeCost           = ErrCost                   // more than a condition may cost
	CodeNesting        = "rule.nested_too_deeply"  // list macros within list macros
	CodeRegexLiteral   = "rule.regex_not_literal"  // a pattern that is computed
	CodeRegexSize      = "rule.regex_too_large"    // a pattern that compiles to too much
	CodeRegexSyntax    = "rule.regex_malformed"    // a pattern that does not compile
	CodeNotLiteral     = "rule.not_literal"        // an argument that is computed
	CodeBadArgument    = "rule.bad_argument"       // an argument that the function cannot take
	CodeUnsupported    = "rule.unsupported"        // CEL that rules do not use
	CodeMessage        = "rule.malformed_template" // braces that do not match
	CodeNoTests        = "rule.missing_tests"      // not shown to fire, or not shown to stay silent
	CodeTestFailed     = "rule.test_failed"        // a test that does not hold
	CodeUnusedList     = "rule.unused_list"        // a list that nothing reads
	CodeUnknownTag     = "rule.unknown_tag"        // an ATT&CK tag that cannot be one
	CodeUnusedMacro    = "rule.unused_macro"       // a macro that nothing reads
	CodeUnusedFilter   = "rule.unused_filter"      // a filter that selects no rule
	CodeEngine         = "pack.engine"             // a pack for a later engine
	CodeUnreadable     = "pack.unreadable"         // a file that cannot be read
	CodeEmpty          = "pack.empty"              // no rule at all
	codePackageInvalid = "pack.rule_invalid"
)

// Finding is one thing that is wrong with a rule document.
type Finding struct {
	Code    string `json:"code"`
	Level   Level  `json:"severity"`
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"`   // from 1; 0 where the finding is about the whole file
	Column  int    `json:"column,omitempty"` // in characters, from 1
	Message string `json:"message"`
	// Source is the line that the finding points into.
	Source string `json:"source,omitempty"`
	// Suggestion is what the author may have meant; empty where nothing comes near.
	Suggestion string `json:"suggestion,omitempty"`
}

// Finding is a finding about the rule as a whole, at its first line.
func (r *Rule) Finding(level Level, code, message, suggestion string) Finding {
	return r.document.src.finding(level, code, place{r.Line, 1}, message, suggestion)
}

// String renders the finding with its source line and a caret under the place.
// Control characters of the source are shown as U+FFFD, so that a rule file
// cannot write to the terminal.
func (f Finding) String() string { return f.underlined(f.Line, f.Column) }

// underlined is String with a whole stretch marked, up to a place in the line
// or to the line's end; the caret stands under its first character.
func (f Finding) underlined(endLine, endColumn int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s: %s", clean(f.where()), f.Level, clean(f.Message))
	if f.Code != "" {
		fmt.Fprintf(&b, " [%s]", f.Code)
	}
	b.WriteByte('\n')
	if f.Source != "" {
		number := fmt.Sprintf("%5d | ", f.Line)
		fmt.Fprintf(&b, "%s%s\n%s| %s^%s\n", number, clean(f.Source), strings.Repeat(" ", len(number)-2), caretPad(f.Source, f.Column), f.tail(endLine, endColumn))
	}
	if f.Suggestion != "" {
		fmt.Fprintf(&b, "        %s\n", clean(f.Suggestion))
	}
	return b.String()
}

// tail is what follows the caret of a stretch of more than one character.
func (f Finding) tail(endLine, endColumn int) string {
	if endLine > f.Line {
		endColumn = utf8.RuneCountInString(strings.TrimRight(f.Source, " \t")) + 1
	}
	return strings.Repeat("~", max(endColumn-f.Column-1, 0))
}

// where is file:line:column, as editors and terminals take it.
func (f Finding) where() string {
	if f.Line == 0 {
		return f.File
	}
	return fmt.Sprintf("%s:%d:%d", f.File, f.Line, f.Column)
}

// caretPad is the space before the caret: tabs stay tabs, so that the caret
// stands under its character whatever the terminal makes of a tab.
func caretPad(line string, column int) string {
	var b strings.Builder
	n := 1
	for _, r := range line {
		if n >= column {
			break
		}
		n++
		if r == '\t' {
			b.WriteByte('\t')
		} else {
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// clean takes what could move the cursor or turn the text around.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// Findings is what is wrong with a set of documents, ordered by place.
type Findings []Finding

// HasErrors reports whether any finding is an error.
func (fs Findings) HasErrors() bool {
	return slices.ContainsFunc(fs, func(f Finding) bool { return f.Level == LevelError })
}

// Err is the first error with the place it points to, nil where there is none.
func (fs Findings) Err() error {
	n := 0
	var first Finding
	for _, f := range fs {
		if f.Level != LevelError {
			continue
		}
		if n == 0 {
			first = f
		}
		n++
	}
	if n == 0 {
		return nil
	}
	text := fmt.Sprintf("%s: %s: %s [%s]", codePackageInvalid, first.where(), first.Message, first.Code)
	if n > 1 {
		text += fmt.Sprintf(" (and %d more)", n-1)
	}
	return errors.New(text)
}

// String renders all findings.
func (fs Findings) String() string {
	var b strings.Builder
	for _, f := range fs {
		b.WriteString(f.String())
	}
	return b.String()
}

func (fs Findings) sort() {
	slices.SortStableFunc(fs, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}
