package rule

import (
	"picket.internal/fact"
)

// kindsShape is the list of kinds that a rule is about.
func kindsShape() shape {
	var names []string
	for _, k := range fact.Kinds() {
		names = append(names, string(k.Kind))
	}
	return shape{"type": "array", "items": shape{"enum": names}, "minItems": 1, "uniqueItems": true}
}

var tagsShape = listShape(shape{"type": "string", "pattern": tagForm.String()}, 0, maxWords)

// shape is the JSON Schema of what tests write for the object.
func (t *structType) shape() shape {
	properties := map[string]any{}
	for i := range t.fields {
		properties[t.fields[i].name] = t.fields[i].shape()
	}
	return shape{"type": "object", "properties": properties, "additionalProperties": false}
}

func (f *field) shape() shape {
	switch f.form {
	case formInt:
		return shape{"type": "integer"}
	case formUint:
		if f.decimal {
			return shape{"anyOf": []any{shape{"type": "integer", "minimum": 0}, shape{"type": "string", "pattern": "^[0-9]+$"}}}
		}
		return shape{"type": "integer", "minimum": 0}
	case formDouble:
		return shape{"type": "number"}
	case formBool:
		return shape{"type": "boolean"}
	case formObject:
		return f.elem.shape()
	case formStrings:
		return shape{"type": "array", "items": shape{"type": "string"}}
	case formObjects:
		return shape{"type": "array", "items": f.elem.shape()}
	}
	return shape{"type": "string"}
}
