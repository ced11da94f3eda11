package rule

// Function is what is said about a function, a list macro or an operator of
// conditions.
type Function struct {
	Name string `json:"name"`
	// Forms are how it is written, as in path.base().
	Forms []string `json:"forms"`
	// Doc says what it gives, in Markdown.
	Doc string `json:"doc"`
	// Examples are expressions about the fact of docs/rules.md.
	Examples []Example `json:"examples"`
	// Own is true where Picket adds it to CEL.
	Own bool `json:"own"`
}

// Functions lists everything that conditions may call: what CEL brings first,
// then what Picket adds.
func Functions() []Function {
	return append(append([]Function(nil), standard...), OwnFunctions()...)
}

// OwnFunctions lists what Picket adds to CEL.
func OwnFunctions() []Function {
	var out []Function
	for _, f := range functions {
		if f.doc == "" { // another form of the one before
			last := &out[len(out)-1]
			last.Forms = append(last.Forms, f.form)
			continue
		}
		out = append(out, Function{Name: f.name, Forms: []string{f.form}, Doc: f.doc, Examples: f.examples, Own: true})
	}
	return out
}

func standardFunction(name, doc string, forms []string, examples ...string) Function {
	return Function{Name: name, Forms: forms, Doc: doc, Examples: truths(examples...)}
}

// standard is what the language has of CEL's own library; a test holds it
// against standardSubset.
var standard = []Function{
	standardFunction("_&&_", "both; stops where the left side is false", []string{"a && b"}, `process.name == "sh" && user.id == "33"`),
	standardFunction("_||_", "either; stops where the left side is true", []string{"a || b"}, `process.name == "sh" || user.id == "0"`),
	standardFunction("!_", "not", []string{"!a"}, `!(user.id == "0")`),
	standardFunction("_?_:_", "the first where the condition holds, the second where it does not", []string{"condition ? a : b"}, `(user.id == "0" ? 1 : 2) == 2`),
	standardFunction("_==_", "equal", []string{"a == b"}, `process.name == "sh"`),
	standardFunction("_!=_", "not equal", []string{"a != b"}, `process.name != "zsh"`),
	standardFunction("_<_", "less; takes any two numbers", []string{"a < b"}, `process.pid < 5000`),
	standardFunction("_<=_", "less or equal", []string{"a <= b"}, `process.pid <= 4242`),
	standardFunction("_>_", "greater", []string{"a > b"}, `process.pid > 1000`),
	standardFunction("_>=_", "greater or equal", []string{"a >= b"}, `process.pid >= 4242`),
	standardFunction("@in", "whether a list holds the value; how long a named list is does not matter", []string{"a in list"}, `process.action in ["start", "exec"]`),
	standardFunction("_+_", "the sum, or two texts or lists as one", []string{"a + b"}, `process.pid + 1 == 4243`, `process.name + "!" == "sh!"`),
	standardFunction("_-_", "the difference", []string{"a - b"}, `process.pid - 2 == 4240`),
	standardFunction("-_", "the number below zero", []string{"-a"}, `-process.pid < 0`),
	standardFunction("_*_", "the product", []string{"a * b"}, `process.pid * 2 == 8484`),
	standardFunction("_/_", "the quotient; an error where b is 0", []string{"a / b"}, `process.pid / 2 == 2121`),
	standardFunction("_%_", "the remainder", []string{"a % b"}, `process.pid % 2 == 0`),
	standardFunction("_[_]", "an element, counted from 0; an error beyond the end", []string{"list[i]"}, `process.args[1] == "-c"`),
	standardFunction("has", "whether a field or a block is there", []string{"has(field)", "has(block)"}, `has(process.parent)`),
	standardFunction("exists", "whether some element fits", []string{"list.exists(x, condition)"}, `process.args.exists(a, a.contains("curl"))`),
	standardFunction("all", "whether every element fits", []string{"list.all(x, condition)"}, `process.args.all(a, a != "")`),
	standardFunction("exists_one", "whether exactly one element fits", []string{"list.exists_one(x, condition)"}, `process.args.exists_one(a, a == "-c")`),
	standardFunction("filter", "the elements that fit", []string{"list.filter(x, condition)"}, `process.args.filter(a, a.startsWith("-")).size() == 1`),
	standardFunction("map", "what each element becomes", []string{"list.map(x, expression)"}, `process.args.map(a, a.size())[0] == 2`),
	standardFunction("size", "how many characters or elements there are", []string{"size(a)", "a.size()"}, `size(process.args) == 3`, `process.name.size() == 2`),
	standardFunction("contains", "whether the text is in there", []string{"text.contains(part)"}, `process.command_line.contains("http://")`),
	standardFunction("startsWith", "whether it begins so", []string{"text.startsWith(prefix)"}, `process.executable.startsWith("/usr/")`),
	standardFunction("endsWith", "whether it ends so", []string{"text.endsWith(suffix)"}, `process.executable.endsWith("/dash")`),
	standardFunction("matches", "whether a regular expression of RE2, which must be written out, fits anywhere", []string{"text.matches(pattern)"}, `process.command_line.matches("https?://[0-9.]+/")`),
	standardFunction("int", "a whole number; an error where it is none", []string{"int(a)"}, `int(user.id) == 33`),
	standardFunction("uint", "a whole number of 0 or more", []string{"uint(a)"}, `uint(user.id) == 33u`),
	standardFunction("double", "a number with a point", []string{"double(a)"}, `double(user.id) == 33.0`),
	standardFunction("string", "a text", []string{"string(a)"}, `string(process.pid) == "4242"`),
	standardFunction("timestamp", "a time, read as RFC 3339", []string{"timestamp(text)"}, `time > timestamp("2025-12-31T00:00:00Z")`),
	standardFunction("duration", "a length of time, as in `\"90m\"`", []string{"duration(text)"}, `time - timestamp("2026-01-01T00:00:00Z") == duration("12h")`),
	standardFunction("getFullYear", "the year, in UTC as all that follow", []string{"time.getFullYear()"}, `time.getFullYear() == 2026`),
	standardFunction("getMonth", "the month, January is 0", []string{"time.getMonth()"}, `time.getMonth() == 0`),
	standardFunction("getDayOfMonth", "the day of the month, the first is 0", []string{"time.getDayOfMonth()"}, `time.getDayOfMonth() == 0`),
	standardFunction("getDayOfWeek", "the day of the week, Sunday is 0", []string{"time.getDayOfWeek()"}, `time.getDayOfWeek() == 4`),
	standardFunction("getHours", "the hour", []string{"time.getHours()"}, `time.getHours() == 12`),
	standardFunction("getMinutes", "the minute", []string{"time.getMinutes()"}, `time.getMinutes() == 0`),
	standardFunction("getSeconds", "the second", []string{"time.getSeconds()"}, `time.getSeconds() == 0`),
}
