package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"picket.internal/sensor/internal/peer"
)

// keep is the largest buffer that is kept between two frames.
const keep = 64 << 10

// answerTime is how long the other side may take for what it does at once.
const answerTime = 10 * time.Second

// Errors of a connection, for callers that tell a person what to do.
var (
	ErrPeer    = errors.New("link.wrong_user")
	ErrVersion = errors.New("link.version")
)

// conn is a connection to the other process, whose user has been checked.
type conn struct {
	*net.UnixConn
	in []byte // of read

	mu  sync.Mutex // guards writing
	out []byte
}

// accept checks whose connection it is.
func accept(c *net.UnixConn, uid uint32) (*conn, error) {
	other, err := peer.User(c)
	if err == nil && other != uid {
		err = fmt.Errorf("%w: the other side runs as user %d, not as user %d", ErrPeer, other, uid)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return &conn{UnixConn: c}, nil
}

// greet exchanges hellos. On error the connection is closed.
func (c *conn) greet(ctx context.Context, mine Hello) (theirs *Hello, err error) {
	defer func() {
		if err != nil {
			c.Close()
		}
	}()
	mine.Version = Version
	if err := c.write(&Frame{Hello: &mine}); err != nil {
		return nil, err
	}
	f, err := c.read(ctx, answerTime)
	switch {
	case err != nil:
		return nil, fmt.Errorf("waiting for the other side's hello: %w", err)
	case f.Hello == nil:
		return nil, fmt.Errorf("%w: it does not begin with a hello", ErrMalformed)
	case f.Hello.Version != Version:
		return nil, fmt.Errorf("%w: the other side speaks version %d, this one %d; restart both", ErrVersion, f.Hello.Version, Version)
	}
	return f.Hello, nil
}

// read returns the next frame, for which it waits at most so long, 0 meaning
// for ever, and not beyond the end of ctx. The frame is good until the next
// call.
func (c *conn) read(ctx context.Context, patience time.Duration) (Frame, error) {
	var until time.Time
	if patience > 0 {
		until = time.Now().Add(patience)
	}
	c.SetReadDeadline(until)
	stop := context.AfterFunc(ctx, func() { c.SetReadDeadline(time.Now()) })
	defer stop()
	var h [header]byte
	if _, err := io.ReadFull(c, h[:]); err != nil {
		return Frame{}, err
	}
	kind, n, err := parseHeader(h)
	if err != nil {
		return Frame{}, err
	}
	if cap(c.in) < n || cap(c.in) > keep {
		c.in = make([]byte, n)
	}
	if !stop() {
		return Frame{}, ctx.Err()
	}
	// Once begun, a frame comes at once.
	c.SetReadDeadline(time.Now().Add(answerTime))
	if _, err := io.ReadFull(c, c.in[:n]); err != nil {
		return Frame{}, fmt.Errorf("reading the rest of a frame: %w", err)
	}
	return parseBody(kind, c.in[:n])
}

// write sends a frame whole, or closes the connection.
func (c *conn) write(f *Frame) (err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.out, err = f.Append(c.out[:0]); err != nil {
		return err
	}
	c.SetWriteDeadline(time.Now().Add(answerTime))
	if _, err = c.Write(c.out); err != nil {
		c.Close()
	}
	if cap(c.out) > keep {
		c.out = nil
	}
	return err
}
