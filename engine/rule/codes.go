package rule

// codeDocs says what each code of a finding means, in a few words; a test holds
// it against the constants.
var codeDocs = map[string]string{
	CodeYAML:          "it is not YAML, or YAML that rules do not use",
	CodeTooLarge:      "a file, a value or a number of values is over its bound",
	CodeUnknownKey:    "no document has the key",
	CodeDuplicateKey:  "a key stands twice in one mapping",
	CodeMissingKey:    "a key is missing that must be there",
	CodeBadValue:      "a value is of the wrong type or out of its range",
	CodeDuplicateID:   "two documents have one name",
	CodeUnknownKind:   "there is no such kind of fact",
	CodeUnknownField:  "there is no such field",
	CodeUnknownName:   "there is no such variable or function",
	CodeUnknownList:   "there is no such list",
	CodeUnknownMacro:  "there is no such macro",
	CodeUnknownRule:   "there is no such rule",
	CodeUnknownPolicy: "there is no such response policy",
	CodeCycle:         "macros or correlations read themselves",
	CodeCorrelation:   "keys of a correlation do not go together",
	CodeUnreachable:   "the rest of the condition decides this part",
	CodeDuplicate:     "two rules have one condition",
	CodeShadowed:      "the exception never gets to speak",
	CodeExpired:       "an exception or a filter is past its day",
	CodeListFile:      "the file of a list cannot be used",
	CodeFactFile:      "the file of a test's facts cannot be used",
	CodeSyntax:        "it is not CEL",
	CodeType:          "values do not go together",
	CodeNotBool:       "the condition is neither true nor false",
	CodeConstant:      "the condition is the same for every fact",
	CodeNeverMatches:  "no fact can meet the comparison",
	CodeCost:          "the condition may cost too much",
	CodeNesting:       "list macros are nested too deeply",
	CodeRegexLiteral:  "a pattern is computed, not written out",
	CodeRegexSize:     "a pattern compiles to too much",
	CodeRegexSyntax:   "a pattern does not compile",
	CodeNotLiteral:    "an argument is computed, not written out",
	CodeBadArgument:   "the function cannot take the argument",
	CodeUnsupported:   "rules do not use this part of CEL",
	CodeMessage:       "the braces of a message do not match",
	CodeNoTests:       "the rule is not shown to fire, or not shown to stay silent",
	CodeTestFailed:    "a test of the rule does not hold",
	CodeUnusedList:    "nothing reads the list",
	CodeUnknownTag:    "ATT&CK has no such tactic",
	CodeUnusedMacro:   "nothing reads the macro",
	CodeUnusedFilter:  "the filter selects no rule",
	CodeEngine:        "the pack is for a later engine",
	CodeUnreadable:    "the file cannot be read",
	CodeEmpty:         "there is no rule at all",
}

// CodeDoc says what a code of a finding means; the code itself where it is not
// known.
func CodeDoc(code string) string {
	if doc, ok := codeDocs[code]; ok {
		return doc
	}
	return code
}
