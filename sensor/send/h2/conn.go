package h2

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// Config says how to use a connection.
type Config struct {
	// MaxBody bounds the body of an answer; 0 means 1 MiB, which is also the
	// most.
	MaxBody int
	// PingAfter is after how long a silence the peer is asked whether it
	// lives; 0 means 15s.
	PingAfter time.Duration
	// Timeout is how long the peer has to answer that, and how long a write
	// or the rest of a frame may take; 0 means 10s.
	Timeout time.Duration
}

const bodyWindow = 1 << 20

func (c Config) withDefaults() Config {
	if c.MaxBody <= 0 || c.MaxBody > bodyWindow {
		c.MaxBody = bodyWindow
	}
	if c.PingAfter <= 0 {
		c.PingAfter = 15 * time.Second
	}
	if c.Timeout <= 0 {
		c.Timeout = 10 * time.Second
	}
	return c
}

// ErrClosed is the state of a connection that Close has ended.
var ErrClosed = errors.New("http2: the connection is closed")

// errGoingAway is the state of a connection whose peer takes no more requests.
var errGoingAway = errors.New("http2: the peer takes no more requests on this connection")

// Conn is one connection. It is safe for concurrent use.
type Conn struct {
	nc      net.Conn
	cfg     Config
	huffman *decoder

	writing sync.Mutex // guards writes, and that streams open in the order of their ids

	mu      sync.Mutex // guards all below
	streams map[uint32]*stream
	nextID  uint32
	window  int64         // what may be sent on the connection
	initial int64         // the window of a new stream
	moved   chan struct{} // closed, and replaced, when a window grows
	ending  error         // why no more streams may open; nil while they may
	err     error         // why the connection is at its end; nil while it is not
	closed  chan struct{} // closed with err
}

// New begins to speak HTTP/2 over a connection, which it owns from then on.
func New(nc net.Conn, cfg Config) (*Conn, error) {
	c := &Conn{
		nc: nc, cfg: cfg.withDefaults(), huffman: newDecoder(),
		streams: make(map[uint32]*stream), nextID: 1, window: defaultWindow, initial: defaultWindow,
		moved: make(chan struct{}), closed: make(chan struct{}),
	}
	var settings []byte
	settings = appendSetting(settings, settingTableSize, 0)
	settings = appendSetting(settings, settingEnablePush, 0)
	settings = appendSetting(settings, settingInitialWindow, bodyWindow)
	settings = appendSetting(settings, settingMaxFields, maxFields)
	hello := appendFrame([]byte(preface), frameSettings, 0, 0, settings)
	hello = appendUint32Frame(hello, frameWindowUpdate, 0, bodyWindow-defaultWindow)
	if err := c.write(hello); err != nil {
		return nil, err
	}
	go c.read()
	return c, nil
}

// Usable tells whether another request may be tried.
func (c *Conn) Usable() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ending == nil
}

// Close says goodbye and ends the connection; requests under way fail.
func (c *Conn) Close() error {
	c.end(ErrClosed, codeNone)
	return nil
}

// end closes the connection once, for a reason.
func (c *Conn) end(err error, code uint32) {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	c.err = err
	if c.ending == nil {
		c.ending = err
	}
	close(c.closed)
	c.mu.Unlock()
	// The goodbye is a courtesy: it does not wait for a write that hangs, and
	// is not said after one that failed.
	if c.writing.TryLock() {
		c.nc.SetWriteDeadline(time.Now().Add(time.Second))
		c.nc.Write(appendFrame(nil, frameGoAway, 0, 0, binary.BigEndian.AppendUint32(make([]byte, 4), code)))
		c.writing.Unlock()
	}
	c.nc.Close()
}

// write sends frames.
func (c *Conn) write(frames []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	return c.writeLocked(frames)
}

func (c *Conn) writeLocked(frames []byte) error {
	c.nc.SetWriteDeadline(time.Now().Add(c.cfg.Timeout))
	if _, err := c.nc.Write(frames); err != nil {
		err = fmt.Errorf("http2: writing: %w", err)
		c.end(err, codeNone)
		return err
	}
	return nil
}

// read handles what the peer sends until the connection ends.
func (c *Conn) read() {
	r := bufio.NewReaderSize(c.nc, maxFrame+frameHeaderLen)
	buf := make([]byte, maxFrame)
	block := headerBlock{}
	for {
		err := c.awaitFrame(r)
		if err == nil {
			var f frame
			if f, err = readFrame(r, buf); err == nil {
				err = c.handle(&f, &block)
			}
		}
		if err == nil {
			continue
		}
		code := uint32(codeNone)
		var fault *connError
		if errors.As(err, &fault) {
			code = fault.code
		} else {
			err = fmt.Errorf("http2: reading: %w", err)
		}
		c.end(err, code)
		return
	}
}

// awaitFrame returns when a frame begins. After a silence it asks the peer
// whether it lives, and gives it a while to answer.
func (c *Conn) awaitFrame(r *bufio.Reader) error {
	c.nc.SetReadDeadline(time.Now().Add(c.cfg.PingAfter))
	_, err := r.Peek(frameHeaderLen)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		if err := c.write(appendFrame(nil, framePing, 0, 0, make([]byte, 8))); err != nil {
			return err
		}
		c.nc.SetReadDeadline(time.Now().Add(c.cfg.Timeout))
		_, err = r.Peek(frameHeaderLen)
	}
	if err != nil {
		return err
	}
	c.nc.SetReadDeadline(time.Now().Add(c.cfg.Timeout))
	return nil
}
