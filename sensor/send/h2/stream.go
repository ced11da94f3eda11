package h2

import (
	"context"
	"encoding/binary"
	"fmt"
	"strconv"
)

// Request is what is asked of the peer.
type Request struct {
	Method    string
	Authority string // host:port, as the peer is called
	Path      string
	Header    []Field // beyond what the other fields say
	Body      []byte
}

// Response is the peer's answer.
type Response struct {
	Status int
	Header []Field
	Body   []byte
}

// Get is the value of the first field of a name; empty where there is none.
func (r *Response) Get(name string) string {
	for _, f := range r.Header {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// stream is one request and its answer. res belongs to the reader until done
// is closed.
type stream struct {
	id     uint32
	window int64 // what may be sent; guarded by Conn.mu
	res    Response
	err    error
	done   chan struct{} // closed when the answer is there, or err
}

// Do sends a request and returns the answer. When ctx ends, the request is
// given up and the connection stays.
func (c *Conn) Do(ctx context.Context, req *Request) (*Response, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s, err := c.open(req)
	if err != nil {
		return nil, err
	}
	if err := c.send(ctx, s, req.Body); err != nil {
		return nil, c.giveUp(s, err)
	}
	select {
	case <-s.done:
	case <-c.closed:
		c.giveUp(s, nil)
	case <-ctx.Done():
		return nil, c.giveUp(s, ctx.Err())
	}
	if s.err != nil {
		return nil, s.err
	}
	return &s.res, nil
}

// open begins a stream.
func (c *Conn) open(req *Request) (*stream, error) {
	block := appendField(nil, ":method", req.Method)
	block = appendField(block, ":scheme", "https")
	block = appendField(block, ":authority", req.Authority)
	block = appendField(block, ":path", req.Path)
	block = appendField(block, "content-length", strconv.Itoa(len(req.Body)))
	for _, f := range req.Header {
		block = appendField(block, f.Name, f.Value)
	}
	if len(block) > maxFrame {
		return nil, fmt.Errorf("http2: a header of %d bytes", len(block))
	}
	var flags byte = flagEndHeaders
	if len(req.Body) == 0 {
		flags |= flagEndStream
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	s, err := c.register()
	if err != nil {
		return nil, err
	}
	if err := c.writeLocked(appendFrame(nil, frameHeaders, flags, s.id, block)); err != nil {
		return nil, err
	}
	return s, nil
}

func (c *Conn) register() (*stream, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending != nil {
		return nil, c.ending
	}
	s := &stream{id: c.nextID, window: c.initial, done: make(chan struct{})}
	c.streams[s.id] = s
	if c.nextID += 2; c.nextID > maxWindow {
		c.ending = errGoingAway // the numbers are used up, section 5.1.1
	}
	return s, nil
}

// send sends the body, as fast as the windows allow. A peer that has answered
// already need not hear the rest.
func (c *Conn) send(ctx context.Context, s *stream, body []byte) error {
	for len(body) > 0 {
		n, moved := c.reserve(s, min(len(body), maxFrame))
		if n == 0 {
			select {
			case <-moved:
				continue
			case <-s.done:
				return c.write(appendUint32Frame(nil, frameReset, s.id, codeCancel))
			case <-c.closed:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		var flags byte
		if n == len(body) {
			flags = flagEndStream
		}
		if err := c.write(appendFrame(nil, frameData, flags, s.id, body[:n])); err != nil {
			return err
		}
		body = body[n:]
	}
	return nil
}

// reserve takes n bytes, or as many as there are, out of both windows. Where
// there are none it returns what tells that they grew.
func (c *Conn) reserve(s *stream, n int) (int, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	got := max(0, min(int64(n), c.window, s.window))
	c.window -= got
	s.window -= got
	return int(got), c.moved
}

func (c *Conn) handleWindowUpdate(f *frame) error {
	if len(f.payload) != 4 {
		return &connError{code: codeFrameSize, reason: "a window update of another size"}
	}
	by := int64(binary.BigEndian.Uint32(f.payload) & maxWindow)
	var s *stream
	if f.stream != 0 {
		var err error
		if s, err = c.find(f.stream); s == nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	window := &c.window
	if s != nil {
		window = &s.window
	}
	if by == 0 || *window+by > maxWindow {
		return &connError{code: codeFlowControl, reason: fmt.Sprintf("a window that grows by %d", by)}
	}
	*window += by
	c.announce()
	return nil
}

// setInitialWindow changes the window of all streams, also of open ones, which
// it may take below zero (section 6.9.2).
func (c *Conn) setInitialWindow(to uint32) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if to > maxWindow {
		return &connError{code: codeFlowControl, reason: fmt.Sprintf("a window of %d", to)}
	}
	by := int64(to) - c.initial
	for _, s := range c.streams {
		if s.window += by; s.window > maxWindow {
			return &connError{code: codeFlowControl, reason: fmt.Sprintf("a window that grows by %d", by)}
		}
	}
	c.initial = int64(to)
	c.announce()
	return nil
}

// announce wakes who waits for a window.
func (c *Conn) announce() {
	close(c.moved)
	c.moved = make(chan struct{})
}

// finish ends a stream; only the first time counts.
func (c *Conn) finish(s *stream, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.streams[s.id] == nil {
		return
	}
	delete(c.streams, s.id)
	s.err = err
	close(s.done)
}

// giveUp ends a stream whose answer is no longer wanted, or cannot come; it
// returns err, or why the connection has ended.
func (c *Conn) giveUp(s *stream, err error) error {
	c.mu.Lock()
	dead := c.err
	c.mu.Unlock()
	if dead != nil {
		err = dead
	}
	c.finish(s, err)
	if dead == nil {
		c.write(appendUint32Frame(nil, frameReset, s.id, codeCancel)) // a failure ends the connection
	}
	return err
}
