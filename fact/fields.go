package fact

// Field describes one field as rules and documents name it.
type Field struct {
	// Path is the dotted name from the top of the fact, as in "process.hash.sha256".
	Path string
	// Type is string, int, uint, double, bool, timestamp, object, or list(…) of one of them.
	Type string
	// Doc says what it means, in a sentence.
	Doc string
	// Unit is the unit of a number; empty where there is none.
	Unit string
	// Source is where the value comes from, as in "stat(2) st_ino"; empty where the fact's maker decides it.
	Source string
}

// KindInfo describes one kind of fact.
type KindInfo struct {
	// Kind is the value of the field kind.
	Kind Kind
	// Doc says what it is about.
	Doc string
	// Actions are the values that the action of its block can have.
	Actions []string
}

// Fields lists every field, parents before their children, in the order of the
// types, those of Prevalence last. The caller must not change it.
func Fields() []Field { return fields }

// Kinds lists every kind. The caller must not change it.
func Kinds() []KindInfo { return kinds }
