package rule

import (
	"encoding/json"
	"slices"
	"sync"

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

// documentShapes are the documents by the key that tells them; rules have "".
func documentShapes() map[string]shape {
	return map[string]shape{
		"":       ruleShape(),
		"list":   withOneOf(listTable.shape(), "values", "file"),
		"macro":  macroTable.shape(),
		"filter": withOneOf(filterTable.shape(), "rules", "tags", "severity"),
		"pack":   packTable.shape(),
		"test":   testDocumentTable.shape(),
	}
}

// ruleShape adds to the keys of a rule that it decides in one way.
func ruleShape() shape {
	s := ruleTable.shape()
	none := func(keys ...string) shape {
		var any []any
		for _, k := range keys {
			any = append(any, shape{"required": []string{k}})
		}
		return shape{"not": shape{"anyOf": any}}
	}
	way := func(required []string, keys ...string) shape {
		return shape{"allOf": []any{shape{"required": required}, none(keys...)}}
	}
	s["oneOf"] = []any{
		way([]string{"on", "where"}, "new_terms", "absence", "correlation", "risk"),
		way([]string{"on", "where", "new_terms"}, "absence", "correlation", "risk"),
		way([]string{"on", "where", "absence"}, "new_terms", "correlation", "risk"),
		way([]string{"correlation"}, "on", "where", "new_terms", "absence", "risk"),
		way([]string{"risk"}, "on", "where", "new_terms", "absence", "correlation"),
	}
	return s
}

// withOneOf asks for one key of several.
func withOneOf(s shape, keys ...string) shape {
	var any []any
	for _, k := range keys {
		any = append(any, shape{"required": []string{k}})
	}
	s["anyOf"] = any
	return s
}

// JSONSchema is the JSON Schema (draft 2020-12) of one document of a rule file.
// It is made from the tables that the parser goes by. It knows the keys and the
// values by themselves; what they mean together only loading tells.
func JSONSchema() []byte { return slices.Clone(jsonSchema()) }

var jsonSchema = sync.OnceValue(func() []byte {
	definitions, choice := map[string]any{}, any(shape{"$ref": "#/$defs/rule"})
	for _, kind := range slices.Backward(documentKinds) {
		definitions[kind.key] = documentShapes()[kind.key]
		choice = shape{"if": shape{"required": []string{kind.key}}, "then": shape{"$ref": "#/$defs/" + kind.key}, "else": choice}
	}
	definitions["rule"] = documentShapes()[""]
	root := choice.(shape)
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "A document of a Picket rule file"
	root["$defs"] = definitions
	data, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic("internal error: writing the JSON Schema: " + err.Error())
	}
	return append(data, '\n')
})
