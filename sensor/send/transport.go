package send

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"

	"picket.internal/wire"
)

// maxReply is how much of a reply is read; the largest is an acknowledgement
// that refuses every fact.
const maxReply = 512 << 10

// reply is what came back over the connection, unjudged.
type reply struct {
	status     int
	retryAfter string
	body       []byte
}

// transport carries a body to an address of the hub.
type transport interface {
	post(ctx context.Context, address string, b *batch) (reply, error)
	close()
}

// try sends the batch once and judges what comes of it.
func (s *Sender) try(ctx context.Context, b *batch) answer {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.RequestTimeout)
	defer cancel()
	r, err := s.hub.post(ctx, s.cfg.Addresses[s.address], b)
	if err != nil {
		return answer{verdict: failed, id: errorID(err), detail: err.Error()}
	}
	return judge(r, b, s.cfg.Identity.HubKey)
}

// httpTransport is one HTTP/2 connection an address, kept open between batches.
// Pings show a hub that is gone without a word.
type httpTransport struct {
	client *http.Client
	agent  string
}

func newHTTPTransport(cfg Config) *httpTransport {
	return &httpTransport{
		client: wire.NewHTTPClient(cfg.Identity.Pins, cfg.Identity.Key),
		agent:  "picket-sensor/" + cfg.Version,
	}
}

func (t *httpTransport) post(ctx context.Context, address string, b *batch) (reply, error) {
	r, err := postBody(ctx, t.client, "https://"+address+wire.PathBatch, b.body, func(h http.Header) {
		h.Set("User-Agent", t.agent)
		if b.compressed {
			h.Set("Content-Encoding", "gzip")
		}
	})
	if err != nil {
		// A connection that failed once is not trusted with the next try.
		t.client.CloseIdleConnections()
	}
	return r, err
}

func (t *httpTransport) close() { t.client.CloseIdleConnections() }

// postBody posts an envelope and reads the bounded answer.
func postBody(ctx context.Context, client *http.Client, url string, body []byte, header func(http.Header)) (reply, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return reply{}, fmt.Errorf("making request: %w", err)
	}
	req.Header.Set("Content-Type", wire.ContentType)
	header(req.Header)
	res, err := client.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, maxReply+1))
	if err != nil {
		return reply{}, fmt.Errorf("reading answer: %w", err)
	}
	if len(data) > maxReply {
		return reply{}, fmt.Errorf("reading answer: larger than %d bytes", maxReply)
	}
	return reply{status: res.StatusCode, retryAfter: res.Header.Get("Retry-After"), body: data}, nil
}
