package client

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"mime"
	"net/http"
	"net/url"
	"time"

	"picket.internal/api"
	"picket.internal/strictjson"
	"picket.internal/wire"
)

// errAnswer is an answer that no hub of Picket gives.
var errAnswer = errors.New("malformed answer")

// limits bound one document from the hub. The names of an alert's values are
// texts of CEL, hence their length.
var limits = strictjson.Limits{Bytes: 16 << 20, Depth: 24, Name: 16 << 10, String: 1 << 20, Items: 10_000}

// requestTimeout bounds a request that is not a stream.
const requestTimeout = time.Minute

// do sends a request and returns the answer where it is a success of the
// wanted type.
func (c *Client) do(ctx context.Context, method, path string, query url.Values, body any, want string) (*http.Response, error) {
	var reader io.Reader
	if body != nil {
		data, err := strictjson.Encode(body)
		if err != nil {
			return nil, fmt.Errorf("encoding request: %w", err)
		}
		reader = bytes.NewReader(data)
	}
	target := c.base + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, reader)
	if err != nil {
		return nil, fmt.Errorf("preparing request: %w", err)
	}
	req.Header.Set("Authorization", c.bearer)
	req.Header.Set("Accept", want)
	if body != nil {
		req.Header.Set("Content-Type", api.TypeJSON)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	if err := accept(resp, want); err != nil {
		resp.Body.Close()
		return nil, err
	}
	return resp, nil
}

// accept checks status and type of an answer.
func accept(resp *http.Response, want string) error {
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if resp.StatusCode == http.StatusOK {
		if media != want {
			return fmt.Errorf("%w: type %q, want %s", errAnswer, media, want)
		}
		return nil
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, wire.MaxProblem+1))
	if err != nil {
		return err
	}
	problem, err := wire.ParseProblem(data)
	if err != nil {
		return fmt.Errorf("%w: status %d and no reason that a hub gives", errAnswer, resp.StatusCode)
	}
	return &refusal{problem, sentinelOf(resp.StatusCode)}
}

// document asks for one JSON document.
func (c *Client) document(ctx context.Context, method, path string, query url.Values, body, into any) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	resp, err := c.do(ctx, method, path, query, body, api.TypeJSON)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, int64(limits.Bytes)+1))
	if err != nil {
		return err
	}
	return decode(bytes.TrimSpace(data), into)
}

// decode reads a document; what a newer hub adds is passed over.
func decode(data []byte, into any) error {
	if err := strictjson.Decode(data, limits, into, func(string) {}); err != nil {
		return fmt.Errorf("%w: %w", errAnswer, err)
	}
	return nil
}

// documents reads a stream line by line. A stream that was cut off ends in an
// error, never like a whole one. The bytes are only good until the next line.
func documents(body io.Reader) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		lines := bufio.NewScanner(body)
		lines.Buffer(make([]byte, 0, 64<<10), limits.Bytes)
		for lines.Scan() {
			if len(lines.Bytes()) > 0 && !yield(lines.Bytes(), nil) {
				return
			}
		}
		if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
			yield(nil, fmt.Errorf("%w: a line of more than %d bytes", errAnswer, limits.Bytes))
		} else if err != nil {
			yield(nil, err)
		}
	}
}
