package h2

import (
	"encoding/binary"
	"fmt"
	"strconv"
)

// headerBlock is a header that comes in pieces, section 6.10. While one is
// open, nothing else may come.
type headerBlock struct {
	stream uint32 // 0 while none is open
	end    bool   // the header ends its stream
	data   []byte
}

// handle does what a frame asks for. An error is one of the connection.
func (c *Conn) handle(f *frame, block *headerBlock) error {
	if block.stream != 0 && (f.kind != frameContinuation || f.stream != block.stream) {
		return protocolError("a header that does not go on")
	}
	switch f.kind {
	case frameData:
		return c.handleData(f)
	case frameHeaders, frameContinuation:
		return c.handleHeaders(f, block)
	case frameReset:
		return c.handleReset(f)
	case frameSettings:
		return c.handleSettings(f)
	case framePing:
		return c.handlePing(f)
	case frameGoAway:
		return c.handleGoAway(f)
	case frameWindowUpdate:
		return c.handleWindowUpdate(f)
	case framePushPromise:
		return protocolError("a push that was not allowed")
	}
	return nil // types that are not known are passed over, section 4.1
}

// find returns the stream of a frame; nil where it is over.
func (c *Conn) find(id uint32) (*stream, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if id == 0 || id%2 == 0 || id >= c.nextID {
		return nil, protocolError("a frame of stream %d, which was never opened", id)
	}
	return c.streams[id], nil
}

func (c *Conn) handleData(f *frame) error {
	s, err := c.find(f.stream)
	if err != nil {
		return err
	}
	body, err := f.unpad()
	if err != nil {
		return err
	}
	if err := c.take(s, body, f.has(flagEndStream)); err != nil {
		return err
	}
	if len(f.payload) == 0 {
		return nil
	}
	// The connection's window is always filled up at once: answers are short,
	// and a stream has a window of no more than its body may be.
	return c.write(appendUint32Frame(nil, frameWindowUpdate, 0, uint32(len(f.payload))))
}

// take adds to the body of an answer; one that nobody waits for is passed over.
func (c *Conn) take(s *stream, body []byte, end bool) error {
	switch {
	case s == nil:
		return nil
	case s.res.Status == 0:
		return protocolError("a body before its header")
	case len(s.res.Body)+len(body) > c.cfg.MaxBody:
		c.finish(s, fmt.Errorf("http2: the answer is larger than %d bytes", c.cfg.MaxBody))
		return c.write(appendUint32Frame(nil, frameReset, s.id, codeCancel))
	}
	s.res.Body = append(s.res.Body, body...)
	if end {
		c.finish(s, nil)
	}
	return nil
}

func (c *Conn) handleHeaders(f *frame, block *headerBlock) error {
	part := f.payload
	if f.kind == frameHeaders {
		if _, err := c.find(f.stream); err != nil {
			return err
		}
		var err error
		if part, err = f.unpad(); err != nil {
			return err
		}
		*block = headerBlock{stream: f.stream, end: f.has(flagEndStream), data: block.data[:0]}
	} else if block.stream == 0 {
		return protocolError("a header that goes on without a beginning")
	}
	if block.data = append(block.data, part...); len(block.data) > maxFields {
		return protocolError("a header of more than %d bytes", maxFields)
	}
	if !f.has(flagEndHeaders) {
		return nil
	}
	id := block.stream
	block.stream = 0
	fields, err := parseFields(block.data, c.huffman)
	if err != nil {
		return &connError{code: codeCompression, reason: err.Error()}
	}
	s, err := c.find(id)
	if s == nil {
		return err
	}
	return c.answer(s, fields, block.end)
}

// answer takes the header of an answer. One that tells of progress is passed
// over, and so is what follows a body.
func (c *Conn) answer(s *stream, fields []Field, end bool) error {
	if s.res.Status == 0 {
		status, err := statusOf(fields)
		if err != nil {
			return err
		}
		if status >= 200 {
			s.res.Status, s.res.Header = status, fields
		} else if end {
			return protocolError("an answer that ends with status %d", status)
		}
	} else if !end {
		return protocolError("a second header that ends nothing")
	}
	if end {
		c.finish(s, nil)
	}
	return nil
}

func statusOf(fields []Field) (int, error) {
	if len(fields) == 0 || fields[0].Name != ":status" {
		return 0, protocolError("an answer without a status")
	}
	status, err := strconv.ParseUint(fields[0].Value, 10, 16)
	if err != nil || status < 100 || status > 599 {
		return 0, protocolError("an answer of status %.20q", fields[0].Value)
	}
	return int(status), nil
}

func (c *Conn) handleReset(f *frame) error {
	if len(f.payload) != 4 {
		return &connError{code: codeFrameSize, reason: "a reset of another size"}
	}
	s, err := c.find(f.stream)
	if s == nil {
		return err
	}
	c.finish(s, fmt.Errorf("http2: the peer gave up the request with code %d", binary.BigEndian.Uint32(f.payload)))
	return nil
}

func (c *Conn) handleSettings(f *frame) error {
	if f.stream != 0 || len(f.payload)%6 != 0 || f.has(flagAck) && len(f.payload) > 0 {
		return protocolError("malformed settings")
	}
	if f.has(flagAck) {
		return nil
	}
	for p := f.payload; len(p) > 0; p = p[6:] {
		if binary.BigEndian.Uint16(p) != settingInitialWindow {
			continue // the others bound what this client never does
		}
		if err := c.setInitialWindow(binary.BigEndian.Uint32(p[2:])); err != nil {
			return err
		}
	}
	return c.write(appendFrame(nil, frameSettings, flagAck, 0, nil))
}

func (c *Conn) handlePing(f *frame) error {
	if f.stream != 0 || len(f.payload) != 8 {
		return protocolError("malformed ping")
	}
	if f.has(flagAck) {
		return nil // having been heard is all that was asked
	}
	return c.write(appendFrame(nil, framePing, flagAck, 0, f.payload))
}

func (c *Conn) handleGoAway(f *frame) error {
	if f.stream != 0 || len(f.payload) < 8 {
		return protocolError("malformed goodbye")
	}
	last := binary.BigEndian.Uint32(f.payload) & maxWindow
	c.mu.Lock()
	if c.ending == nil {
		c.ending = errGoingAway
	}
	var dropped []*stream
	for id, s := range c.streams {
		if id > last {
			dropped = append(dropped, s)
		}
	}
	c.mu.Unlock()
	for _, s := range dropped {
		c.finish(s, errGoingAway)
	}
	return nil
}
