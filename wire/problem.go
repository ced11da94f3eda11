package wire

import "picket.internal/strictjson"

// Problem is the body of every answer that is not a success.
type Problem struct {
	// ID is a stable error id, as in "batch.gap".
	ID string `json:"error"`
	// Detail says it in words. It never carries a hub's internals.
	Detail string `json:"detail,omitempty"`
}

// MaxProblem is how much of an answer that is not a success is worth reading.
const MaxProblem = 4 << 10

// Error gives the id and the detail.
func (p *Problem) Error() string {
	if p.Detail == "" {
		return p.ID
	}
	return p.ID + ": " + p.Detail
}

// ParseProblem reads a body. Members that a newer hub may add are passed over.
// The words are cut and stripped of what could upset a terminal.
func ParseProblem(data []byte) (*Problem, error) {
	p := new(Problem)
	if err := strictjson.Decode(data, strictjson.Limits{Bytes: MaxProblem}, p, func(string) {}); err != nil {
		return nil, fail(ErrProblem, "%v", err)
	}
	if p.ID == "" || len(p.ID) > 64 || shorten(p.ID, 64) != p.ID {
		return nil, fail(ErrProblem, "malformed error id %.80q", p.ID)
	}
	p.Detail = shorten(p.Detail, 512)
	return p, nil
}

// Encode writes the body of an answer. The words are cut.
func (p Problem) Encode() []byte {
	p.Detail = shorten(p.Detail, 512)
	body, err := strictjson.Encode(&p)
	if err != nil {
		return []byte(`{"error":"internal"}`)
	}
	return body
}
