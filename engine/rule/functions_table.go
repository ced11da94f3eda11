package rule

import "github.com/google/cel-go/common/types"

// Example is an expression about the fact of docs/rules.md, and what it gives:
// true, false or error.
type Example struct {
	Expr string `json:"expr"`
	Want string `json:"want"`
}

func truths(exprs ...string) []Example {
	out := make([]Example, len(exprs))
	for i, e := range exprs {
		out[i] = Example{e, "true"}
	}
	return out
}

// functions is the whole table, and the one source of what is said about them:
// docs/rules.md and `picket rules docs` are written from it, and a test runs
// every example.
var functions = []function{
	{name: "base", overload: "picket_base", target: types.StringType, result: types.StringType, bind: unary(base), traversals: 1,
		form: "path.base()", doc: "the last part of a path; `\"\"` of `\"\"`",
		examples: truths(`process.executable.base() == "dash"`, `file.path.base() == ""`)},
	{name: "dir", overload: "picket_dir", target: types.StringType, result: types.StringType, bind: unary(dir), traversals: 1,
		form: "path.dir()", doc: "the path without its last part",
		examples: truths(`process.executable.dir() == "/usr/bin"`)},
	{name: "under", overload: "picket_under", target: types.StringType, args: oneString, result: types.BoolType, bind: predicate(under), traversals: 1,
		form: "path.under(folder)", doc: "whether the path is the folder or anywhere below it",
		examples: append(truths(`process.executable.under("/usr")`, `process.executable.under("/usr/bin/dash")`), Example{`process.executable.under("/us")`, "false"})},
	{name: "glob", overload: "picket_glob", target: types.StringType, args: oneString, result: types.BoolType, bind: needsLiteral, traversals: 1,
		form: "path.glob(pattern)", doc: "whether the whole path fits: `*` and `?` stop at a slash, `**` does not; the pattern must be written out",
		examples: append(truths(`process.executable.glob("/usr/*/da?h")`, `process.executable.glob("/usr/**")`), Example{`process.executable.glob("/usr/*")`, "false"})},
	{name: "equalsFold", overload: "picket_equals_fold", target: types.StringType, args: oneString, result: types.BoolType, bind: predicate(equalsFold), traversals: 1,
		form: "text.equalsFold(other)", doc: "`==`, the case of ASCII letters aside",
		examples: truths(`process.name.equalsFold("SH")`)},
	{name: "startsWithFold", overload: "picket_starts_with_fold", target: types.StringType, args: oneString, result: types.BoolType, bind: predicate(startsWithFold), traversals: 1,
		form: "text.startsWithFold(other)", doc: "`startsWith`, likewise",
		examples: truths(`process.command_line.startsWithFold("SH -C ")`)},
	{name: "endsWithFold", overload: "picket_ends_with_fold", target: types.StringType, args: oneString, result: types.BoolType, bind: predicate(endsWithFold), traversals: 1,
		form: "text.endsWithFold(other)", doc: "`endsWith`, likewise",
		examples: truths(`process.executable.endsWithFold("/DASH")`)},
	{name: "containsFold", overload: "picket_contains_fold", target: types.StringType, args: oneString, result: types.BoolType, bind: predicate(containsFold), traversals: 2,
		form: "text.containsFold(other)", doc: "`contains`, likewise",
		examples: truths(`process.command_line.containsFold("CURL")`)},
	{name: "containsFold", overload: "picket_list_contains_fold", target: stringList, args: oneString, result: types.BoolType, bind: listContainsFold, traversals: 1,
		form: "list.containsFold(text)", doc: "`text in list`, likewise",
		examples: append(truths(`process.args.containsFold("-C")`), Example{`process.args.containsFold("curl")`, "false"})},
	{name: "lowerAscii", overload: "picket_lower_ascii", target: types.StringType, result: types.StringType, bind: unary(lowerASCII), traversals: 1,
		form: "text.lowerAscii()", doc: "ASCII letters in lower case",
		examples: truths(`process.name.upperAscii().lowerAscii() == "sh"`)},
	{name: "upperAscii", overload: "picket_upper_ascii", target: types.StringType, result: types.StringType, bind: unary(upperASCII), traversals: 1,
		form: "text.upperAscii()", doc: "ASCII letters in upper case",
		examples: truths(`process.name.upperAscii() == "SH"`)},
	{name: "trim", overload: "picket_trim", target: types.StringType, result: types.StringType, bind: unary(trim), traversals: 1,
		form: "text.trim()", doc: "without the blanks at both ends",
		examples: truths(`(" " + process.name + " ").trim() == "sh"`)},
	{name: "indexOf", overload: "picket_index_of", target: types.StringType, args: oneString, result: types.IntType, bind: indexOf, traversals: 2,
		form: "text.indexOf(other)", doc: "where it begins, counted in characters; -1 where it is not in there",
		examples: truths(`process.command_line.indexOf("curl") == 6`, `process.command_line.indexOf("wget") == -1`)},
	{name: "substring", overload: "picket_substring", target: types.StringType, args: []*types.Type{types.IntType}, result: types.StringType, bind: substring, traversals: 1,
		form: "text.substring(from)", doc: "a part, counted in characters; an error beyond the end",
		examples: append(truths(`process.executable.substring(5) == "bin/dash"`, `process.executable.substring(5, 8) == "bin"`), Example{`process.executable.substring(99) == ""`, "error"})},
	{name: "substring", overload: "picket_substring_range", target: types.StringType, args: []*types.Type{types.IntType, types.IntType}, result: types.StringType, bind: substring, traversals: 1,
		form: "text.substring(from, to)"},
	{name: "split", overload: "picket_split", target: types.StringType, args: oneString, result: stringList, bind: split, traversals: 2,
		form: "text.split(separator)", doc: "a list, of 1,000 parts at most",
		examples: truths(`process.executable.split("/").size() == 4`, `process.executable.split("/")[1] == "usr"`)},
	{name: "join", overload: "picket_join", target: stringList, args: oneString, result: types.StringType, bind: join, traversals: 1,
		form: "list.join(separator)", doc: "one text",
		examples: truths(`process.args.join(" ") == process.command_line`)},
	{name: "cidr", overload: "picket_cidr", target: types.StringType, args: oneString, result: types.BoolType, bind: needsLiteral, fixed: 3, literal: cidrLiteral,
		form: "address.cidr(network)", doc: "whether the text is an IP address of the network, which must be written out, as in `\"10.0.0.0/8\"` or `\"fc00::/7\"`; an IPv4 address within IPv6 (`::ffff:10.0.0.1`) counts as the IPv4 address that it is; a text that is no address is in no network: false",
		examples: append(truths(`process.command_line.split("/")[2].cidr("192.0.2.0/24")`), Example{`process.name.cidr("0.0.0.0/0")`, "false"})},
	{name: "entropy", overload: "picket_entropy", target: types.StringType, result: types.DoubleType, bind: entropyOf, traversals: 1, fixed: 50,
		form: "text.entropy()", doc: "Shannon's entropy in bits a byte, from 0.0 to 8.0: words have about 4, random base64 almost 6; an error beyond 64 KiB",
		examples: truths(`process.name.entropy() == 1.0`, `process.command_line.entropy() > 3.5`)},
	{name: "containsBase64", overload: "picket_contains_base64", target: types.StringType, args: oneString, result: types.BoolType, bind: needsLiteral, traversals: 3, literal: base64Literal,
		form: "text.containsBase64(part)", doc: "whether base64 of a text that holds the part is in there, wherever in that text the part begins; the part must be written out and have 3 bytes or more",
		examples: []Example{{`process.command_line.containsBase64("/bin/sh")`, "false"}, {`("Y3VybCAtcyBodHRwOi8vMTkyLjAuMi43L3g" + process.name).containsBase64("http://")`, "true"}}},
	{name: "fromBase64", overload: "picket_from_base64", target: types.StringType, result: types.StringType, bind: fromBase64, traversals: 2,
		form: "text.fromBase64()", doc: "what the whole text is base64 of, with or without padding, in either alphabet; `\"\"` where it is no base64, or not of a text; an error beyond 64 KiB",
		examples: truths(`(process.name + "==").fromBase64() == ""`, `("c2g" + process.name.substring(2)).fromBase64() == "sh"`)},
	{name: "hourBetween", overload: "picket_hour_between", target: types.TimestampType, args: []*types.Type{types.IntType, types.IntType}, result: types.BoolType, bind: hourBetween, fixed: 1, literal: hoursLiteral,
		form: "time.hourBetween(from, to)", doc: "whether the time is at or after the hour `from` and before the hour `to`, in UTC; over midnight where `from` is the later; hours are written out, 0 to 24",
		examples: append(truths(`time.hourBetween(12, 13)`, `time.hourBetween(22, 6) == false`), Example{`time.hourBetween(13, 24)`, "false"})},
	{name: "weekdayIn", overload: "picket_weekday_in", target: types.TimestampType, args: []*types.Type{stringList}, result: types.BoolType, bind: weekdayIn, fixed: 7, literal: weekdaysLiteral,
		form: "time.weekdayIn(days)", doc: "whether the time is on one of the days, in UTC, written out as `[\"sat\", \"sun\"]`",
		examples: append(truths(`time.weekdayIn(["thu"])`), Example{`time.weekdayIn(["sat", "sun"])`, "false"})},
}
