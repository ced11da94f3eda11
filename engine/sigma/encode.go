package sigma

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
)

// windash makes of each dash or slash that begins a flag what may be written
// instead: one that no word comes before, and that a word follows.
func (it *item) windash() error {
	return it.each(func(v *value) error {
		v.start()
		for i, p := range v.read {
			v.read[i] = p.flags()
		}
		return nil
	})
}

// flags is the pattern with dashes that begin a flag in any form.
func (p pattern) flags() pattern {
	var out pattern
	for _, t := range p {
		if t.kind != literal {
			out = out.add(t)
			continue
		}
		runes := []rune(t.text)
		for i, r := range runes {
			begins := strings.ContainsRune(dashes, r) && (i == 0 || !isWord(runes[i-1])) && i+1 < len(runes) && isWord(runes[i+1])
			if begins {
				out = out.add(token{kind: anyDash})
				continue
			}
			out = out.add(token{literal, string(r)})
		}
	}
	return out
}

func isWord(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '_'
}

// start reads the value's text as a pattern, for modifiers that change it.
func (v *value) start() {
	if v.read == nil {
		v.read = []pattern{parsePattern(v.text)}
	}
}

// each applies a change to every value, which must be a text.
func (it *item) each(change func(*value) error) error {
	if it.kind != testText || it.networks || it.compare != "" || it.part != "" || it.field.kind != kindText {
		return errors.New("it goes with texts only")
	}
	for _, v := range it.values {
		if v.tag == "!!null" || v.tag == "!!bool" {
			return fmt.Errorf("%s is no text", v.text)
		}
		if v.bytes != nil && v.read != nil {
			return errUnencoded
		}
		if err := change(v); err != nil {
			return err
		}
	}
	return nil
}

var errUnencoded = errors.New("UTF-16 has bytes that no text of a fact has; encode it with base64 or base64offset")

// raw are the bytes of a value without wildcards, for encodings.
func (v *value) raw() ([]byte, error) {
	if v.bytes != nil {
		return v.bytes, nil
	}
	if v.before || v.after || len(v.read) > 1 {
		return nil, errors.New("a wildcard cannot be encoded; contains, startswith and endswith come after it")
	}
	v.start()
	text, ok := v.read[0].plain()
	if !ok {
		return nil, errors.New("a wildcard cannot be encoded")
	}
	return []byte(text), nil
}

func (it *item) widen(bigEndian, mark bool) error {
	return it.each(func(v *value) error {
		if v.bytes != nil {
			return errors.New("the value is in UTF-16 already")
		}
		text, err := v.raw()
		if err != nil {
			return err
		}
		v.bytes = []byte{}
		if mark {
			v.bytes = append(v.bytes, 0xff, 0xfe)
		}
		for _, unit := range utf16.Encode([]rune(string(text))) {
			low, high := byte(unit), byte(unit>>8)
			if bigEndian {
				low, high = high, low
			}
			v.bytes = append(v.bytes, low, high)
		}
		v.read = nil
		return nil
	})
}

func (it *item) encode(encoding func([]byte) ([]string, error)) error {
	return it.each(func(v *value) error {
		data, err := v.raw()
		if err != nil {
			return err
		}
		texts, err := encoding(data)
		if err != nil {
			return err
		}
		v.bytes, v.read = nil, nil
		for _, text := range texts {
			v.read = append(v.read, pattern{{literal, text}})
		}
		return nil
	})
}

func encodeBase64(data []byte) ([]string, error) {
	if len(data) == 0 {
		return nil, errors.New("there is nothing to encode")
	}
	return []string{base64.StdEncoding.EncodeToString(data)}, nil
}

// encodeOffsets is what of the encoded value stays the same wherever it begins
// in what was encoded as a whole: after a multiple of three bytes, or one or two
// more.
func encodeOffsets(data []byte) ([]string, error) {
	var out []string
	for offset := range 3 {
		encoded := base64.StdEncoding.EncodeToString(append(make([]byte, offset), data...))
		from, to := []int{0, 2, 3}[offset], len(encoded)-[]int{0, 3, 2}[(len(data)+offset)%3]
		if from >= to {
			return nil, errors.New("the value is too short: nothing of it is the same at each offset")
		}
		out = append(out, encoded[from:to])
	}
	return out, nil
}
