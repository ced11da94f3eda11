package install

import (
	"bytes"
	"errors"

	"github.com/go-json-experiment/json/jsontext"

	"picket.internal/sensor/send/launch"
)

// withLaunch is a configuration with another launch and all else as it was,
// spaces and order too.
func withLaunch(data []byte, mode launch.Mode) ([]byte, error) {
	value := []byte(`"` + string(mode) + `"`)
	d := jsontext.NewDecoder(bytes.NewReader(data))
	if token, err := d.ReadToken(); err != nil || token.Kind() != '{' {
		return nil, errors.New("malformed configuration: it must be a JSON object")
	}
	open := d.InputOffset()
	members := 0
	for d.PeekKind() == '"' {
		name, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		is := name.String() == "launch"
		old, err := d.ReadValue()
		if err != nil {
			return nil, err
		}
		members++
		if is {
			end := d.InputOffset()
			return bytes.Join([][]byte{data[:end-int64(len(old))], value, data[end:]}, nil), nil
		}
	}
	if token, err := d.ReadToken(); err != nil || token.Kind() != '}' {
		return nil, errors.New("malformed configuration: it does not end as a JSON object does")
	}
	added := append([]byte("\n  \"launch\": "), value...)
	if members > 0 {
		added = append(added, ',')
	}
	return bytes.Join([][]byte{data[:open], added, data[open:]}, nil), nil
}
