package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	types "picket.internal/api"
)

// writeTimeout is how long a client may take to accept one piece of an answer.
const writeTimeout = 30 * time.Second

// errGone ends an answer that nobody takes.
var errGone = errors.New("the client takes no more of the answer")

// reply is an answer under way: one document, or a stream of them.
type reply struct {
	w       http.ResponseWriter
	control *http.ResponseController
	started bool // the status is out; an error can only break the stream now
}

func newReply(w http.ResponseWriter) *reply {
	return &reply{w: w, control: http.NewResponseController(w)}
}

// document is the whole answer.
func (r *reply) document(v any) error {
	r.w.Header().Set("Content-Type", types.TypeJSON)
	return r.write(v)
}

// line adds a document to a stream.
func (r *reply) line(v any) error {
	r.w.Header().Set("Content-Type", types.TypeStream)
	return r.write(v)
}

// end makes a stream without lines a stream all the same.
func (r *reply) end() error {
	if !r.started {
		r.w.Header().Set("Content-Type", types.TypeStream)
		r.w.WriteHeader(http.StatusOK)
		r.started = true
	}
	return nil
}

// flushed adds a document to a stream and sends it at once.
func (r *reply) flushed(v any) error {
	if err := r.line(v); err != nil {
		return err
	}
	if err := r.control.Flush(); err != nil {
		return fmt.Errorf("%w: %v", errGone, err)
	}
	return nil
}

func (r *reply) write(v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // facts leave as they came
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("encoding %T: %w", v, err)
	}
	return r.send(b.Bytes())
}

// raw adds a line that is encoded already, with its newline.
func (r *reply) raw(media string, line []byte) error {
	r.w.Header().Set("Content-Type", media)
	return r.send(line)
}

func (r *reply) send(data []byte) error {
	// A server that cannot set deadlines, as in tests, has none to be set.
	_ = r.control.SetWriteDeadline(time.Now().Add(writeTimeout))
	r.started = true
	if _, err := r.w.Write(data); err != nil {
		return fmt.Errorf("%w: %v", errGone, err)
	}
	return nil
}
