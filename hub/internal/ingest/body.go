package ingest

import (
	"bytes"
	"encoding/binary"
	"io"
	"net/http"
	"time"

	"github.com/klauspost/compress/gzip"

	"picket.internal/hub/internal/fault"
)

// readBody reads a body as it travels, within its length and its time. One byte
// more than allowed is read to see that there is one.
func (h *Handler) readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	tooLarge := fault.BatchTooLarge.With("more than %d bytes", h.limits.WireBytes)
	if r.ContentLength > h.limits.WireBytes {
		return nil, tooLarge
	}
	// A server that cannot set deadlines has one of its own, or is a test's.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(h.limits.BodyTimeout))
	var buf bytes.Buffer
	if r.ContentLength > 0 {
		buf.Grow(int(r.ContentLength) + bytes.MinRead)
	}
	_, err := buf.ReadFrom(io.LimitReader(r.Body, h.limits.WireBytes+1))
	switch {
	case err != nil && timedOut(err):
		return nil, fault.BatchTooSlow.With("the body did not arrive within %s", h.limits.BodyTimeout)
	case err != nil:
		return nil, fault.BatchMalformed.With("the body did not arrive whole")
	case int64(buf.Len()) > h.limits.WireBytes:
		return nil, tooLarge
	}
	return buf.Bytes(), nil
}

// maxRatio is more than deflate can save: a body that claims to unpack to more
// than this lies.
const maxRatio = 1040

// unseen is how much is unpacked into memory on the word of the body alone;
// more than any sensor of ours sends.
const unseen = 1 << 20

// unpack undoes the content encoding. A gzip file says at its end how long it
// is once unpacked; that much is allocated and no more. What claims to be large
// is first unpacked into nothing, to see whether it lies: so a bomb costs no
// memory at all.
func unpack(body []byte, encoding string, most int64) ([]byte, error) {
	switch encoding {
	case "", "identity":
		return body, nil
	case "gzip":
	default:
		return nil, fault.BatchEncoding.With("content encoding %.40q; want gzip or none", encoding)
	}
	const header, trailer = 10, 8
	if len(body) < header+trailer {
		return nil, fault.BatchMalformed.With("malformed gzip body of %d bytes", len(body))
	}
	claimed := int64(binary.LittleEndian.Uint32(body[len(body)-4:])) // modulo 4 GiB
	if claimed > most || claimed > int64(len(body))*maxRatio {
		return nil, fault.BatchTooLarge.With("unpacks to %d bytes, %d are allowed", claimed, most)
	}
	if claimed > unseen {
		err := gunzip(body, claimed, func(r io.Reader) error {
			_, err := io.CopyN(io.Discard, r, claimed)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	out := make([]byte, claimed)
	err := gunzip(body, claimed, func(r io.Reader) error {
		_, err := io.ReadFull(r, out)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// gunzip unpacks a body of one member that take reads, which must be exactly as
// long as it claims.
func gunzip(body []byte, claimed int64, take func(io.Reader) error) error {
	rest := bytes.NewReader(body)
	zr, err := gzip.NewReader(rest)
	if err != nil {
		return fault.BatchMalformed.With("malformed gzip body: %v", err)
	}
	zr.Multistream(false)
	if err := take(zr); err != nil {
		return fault.BatchMalformed.With("malformed gzip body: %v", err)
	}
	var more [1]byte
	switch n, err := zr.Read(more[:]); {
	case n > 0:
		return fault.BatchTooLarge.With("unpacks to more than the %d bytes that it claims", claimed)
	case err != io.EOF:
		return fault.BatchMalformed.With("malformed gzip body: %v", err)
	case rest.Len() > 0:
		return fault.BatchMalformed.With("malformed gzip body: %d bytes behind its end", rest.Len())
	}
	return nil
}
