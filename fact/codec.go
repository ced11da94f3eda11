package fact

import (
	"fmt"

	"picket.internal/strictjson"
)

// limits bound one fact before it is parsed. The largest honest one is a
// metric sample of a host with all its lists full, about 20 KiB.
var limits = strictjson.Limits{Bytes: 64 << 10, Depth: 8, Name: 64, String: 16 << 10, Items: 512}

// Parse reads one fact, strictly but for what a newer sensor may add: unknown
// fields are skipped and their paths returned, unknown kinds are accepted. The
// caller keeps the bytes, so that nothing is lost. Errors are strictjson's; on
// error there is no fact.
func Parse(data []byte) (f *Fact, unknown []string, err error) {
	f = new(Fact)
	err = strictjson.Decode(data, limits, f, func(path string) { unknown = append(unknown, path) })
	if err != nil {
		return nil, nil, fmt.Errorf("parsing fact: %w", err)
	}
	return f, unknown, nil
}

// Encode writes the fact in its one canonical form, RFC 8785. An absent value
// leaves no trace, so equal facts have equal bytes.
func (f *Fact) Encode() ([]byte, error) {
	data, err := strictjson.Encode(f)
	if err != nil {
		return nil, fmt.Errorf("encoding %s fact: %w", f.Kind, err)
	}
	if len(data) > limits.Bytes {
		return nil, fmt.Errorf("encoding %s fact: %d bytes are over the bound of %d", f.Kind, len(data), limits.Bytes)
	}
	return data, nil
}
