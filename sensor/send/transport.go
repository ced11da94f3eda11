package send

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"picket.internal/envelope"
	"picket.internal/sensor/send/h2"
	"picket.internal/wire"
)

const (
	// maxReply bounds what is read of an answer; the largest is what the hub
	// holds of an inventory of 50,000 entities.
	maxReply = 2 << 20
	// connectTimeout bounds each half of connecting, reaching the hub and
	// agreeing on keys.
	connectTimeout = 10 * time.Second
)

// reply is what came back over the connection, unjudged.
type reply struct {
	status     int
	retryAfter string
	body       []byte
}

// transport carries a body to an address of the hub.
type transport interface {
	post(ctx context.Context, address, path string, body []byte, compressed bool) (reply, error)
	close()
}

// try sends the batch once and judges what comes of it.
func (s *Sender) try(ctx context.Context, b *batch) answer {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.RequestTimeout)
	defer cancel()
	r, err := s.hub.post(ctx, s.cfg.Addresses[s.address], wire.PathBatch, b.body, b.compressed)
	if err != nil {
		return answer{verdict: failed, id: errorID(err), detail: err.Error()}
	}
	return judge(r, b, s.cfg.Identity.HubKey)
}

// link is the connection to the hub: one at a time, kept open between batches,
// with pings that show a hub which is gone without a word. The hub proves its
// key on every connection before anything else is sent; no proxy is asked and
// no redirect followed, because there is nothing here that could.
type link struct {
	pins    []wire.Pin
	key     envelope.PrivateKey
	agent   string
	most    int      // bytes of an answer; 0 means maxReply
	address string   // of conn
	conn    *h2.Conn // nil while there is none
}

func newLink(pins []wire.Pin, key envelope.PrivateKey, version string) *link {
	return &link{pins: pins, key: key, agent: "picket-sensor/" + version}
}

func (l *link) post(ctx context.Context, address, path string, body []byte, compressed bool) (reply, error) {
	return l.ask(ctx, "POST", address, path, body, compressed)
}

func (l *link) ask(ctx context.Context, method, address, path string, body []byte, compressed bool) (reply, error) {
	if l.conn == nil || l.address != address || !l.conn.Usable() {
		if err := l.connect(ctx, address); err != nil {
			return reply{}, err
		}
	}
	req := &h2.Request{
		Method: method, Authority: address, Path: path, Body: body,
		Header: []h2.Field{{Name: "content-type", Value: mediaType(path)}, {Name: "user-agent", Value: l.agent}},
	}
	if compressed {
		req.Header = append(req.Header, h2.Field{Name: "content-encoding", Value: "gzip"})
	}
	res, err := l.conn.Do(ctx, req)
	if err != nil {
		// A connection that failed once is not trusted with the next try.
		l.close()
		return reply{}, fmt.Errorf("asking %s: %w", address, err)
	}
	return reply{status: res.Status, retryAfter: res.Get("retry-after"), body: res.Body}, nil
}

// limit bounds what is read of an answer; one byte more than is allowed, so
// that who reads it can say that it was too long.
func (l *link) limit() int {
	if l.most == 0 {
		return maxReply
	}
	return l.most + 1
}

// mediaType is what is posted to a path.
func mediaType(path string) string {
	switch path {
	case wire.PathOrders, wire.PathEvidence:
		return wire.TypeOrders
	case wire.PathReceipts:
		return wire.TypeReceipts
	}
	return wire.ContentType
}

func (l *link) close() {
	if l.conn != nil {
		l.conn.Close()
		l.conn = nil
	}
}

// connect reaches the hub and has it prove its key.
func (l *link) connect(ctx context.Context, address string) error {
	l.close()
	dialer := net.Dialer{Timeout: connectTimeout}
	plain, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	config := wire.ClientConfig(l.pins, l.key)
	config.NextProtos = []string{"h2"}
	conn := tls.Client(plain, config)
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		plain.Close()
		return handshakeError(address, err)
	}
	if conn.ConnectionState().NegotiatedProtocol != "h2" {
		conn.Close()
		return fmt.Errorf("connecting to %s: it does not speak HTTP/2", address)
	}
	if l.conn, err = h2.New(conn, h2.Config{MaxBody: l.limit()}); err != nil {
		return fmt.Errorf("connecting to %s: %w", address, err)
	}
	l.address = address
	return nil
}

// handshakeError names the peer that cannot speak TLS 1.3; crypto/tls tells so
// in words only.
func handshakeError(address string, err error) error {
	var known *wire.Error
	if !errors.As(err, &known) && strings.Contains(err.Error(), "protocol version") {
		err = fmt.Errorf("%w: %w", wire.ErrTLSVersion, err)
	}
	return fmt.Errorf("connecting to %s: %w", address, err)
}
