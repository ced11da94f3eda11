package strictjson

import (
	"sort"

	"github.com/go-json-experiment/json/jsontext"
)

// maxMembersKept bounds the memory that a reader keeps for the next document.
const maxMembersKept = 256

// member is where a member of an object stands in the output.
type member struct {
	name     jsontext.Value // raw, in the input
	from, to int
}

// byName orders members as RFC 8785 section 3.2.3 wants.
type byName []member

func (m byName) Len() int           { return len(m) }
func (m byName) Less(i, j int) bool { return compareNames(m[i].name, m[j].name) < 0 }
func (m byName) Swap(i, j int)      { m[i], m[j] = m[j], m[i] }

// canonical checks the next value as skip does and appends it to dst in the
// form of RFC 8785. jsontext has a function for that, which brings its whole
// encoder along: 60 kB of the sensor.
func (r *reader) canonical(dst []byte) ([]byte, error) {
	switch r.dec.PeekKind() {
	case '{':
		return r.canonicalObject(dst)
	case '[':
		return r.canonicalArray(dst)
	}
	raw, err := r.scalar()
	if err != nil {
		return nil, err
	}
	number, err := r.checkScalar(raw)
	if err != nil {
		return nil, err
	}
	switch kind := raw.Kind(); {
	case kind == '"':
		return appendText(dst, text(raw)), nil
	case kind == '0' && number == 0: // -0, too
		return append(dst, '0'), nil
	case kind == '0':
		return jsontext.AppendFloat(dst, number, 64), nil
	}
	return append(dst, raw...), nil
}

func (r *reader) canonicalArray(dst []byte) ([]byte, error) {
	dst = append(dst, '[')
	from := len(dst)
	err := r.array(func() (err error) {
		if len(dst) > from {
			dst = append(dst, ',')
		}
		dst, err = r.canonical(dst)
		return err
	})
	return append(dst, ']'), err
}

func (r *reader) canonicalObject(dst []byte) ([]byte, error) {
	dst = append(dst, '{')
	from, outer := len(dst), len(r.members)
	sorted := true
	err := r.object(func(name jsontext.Value) (err error) {
		if len(dst) > from {
			sorted = sorted && compareNames(r.members[len(r.members)-1].name, name) < 0
			dst = append(dst, ',')
		}
		m := member{name: name, from: len(dst)}
		dst = append(appendText(dst, text(name)), ':')
		if dst, err = r.canonical(dst); err != nil {
			return err
		}
		m.to = len(dst)
		r.members = append(r.members, m)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if !sorted {
		dst = inOrder(dst, from, r.members[outer:])
	}
	r.members = r.members[:outer]
	return append(dst, '}'), nil
}

// inOrder puts members, which take up dst from from on, into their order.
func inOrder(dst []byte, from int, members byName) []byte {
	end := len(dst)
	sort.Sort(members)
	for i, m := range members {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, dst[m.from:m.to]...)
	}
	copy(dst[from:end], dst[end:])
	return dst[:end]
}
