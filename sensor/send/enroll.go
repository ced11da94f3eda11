package send

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"picket.internal/envelope"
	"picket.internal/wire"
)

// maxToken is more than any token needs.
const maxToken = 8 << 10

// enrollTimeout bounds the exchange with the hub.
const enrollTimeout = 30 * time.Second

// ErrTokenOnCommandLine: whatever stands on a command line can be read by
// everyone on the machine, in ps and in the shell's history.
var ErrTokenOnCommandLine = errors.New("enrol.token_on_cmdline")

// Machine is what a host tells of itself when it enrolls.
type Machine struct {
	ID           string // SHA-256 over the machine id, hexadecimal
	Name         string // host name
	OS           string // as in "linux"
	Kernel       string // release
	Architecture string // as in "amd64"
	// Wrapper is the key with which the host's wrapper signs receipts; the zero
	// key where there is none.
	Wrapper envelope.PublicKey
}

// ReadToken reads an enrollment token from a file, or from in where there is no
// name. Errors never quote what was read.
func ReadToken(file string, in io.Reader) (*wire.Token, error) {
	if file != "" {
		f, err := os.Open(file)
		if err != nil {
			return nil, fmt.Errorf("reading token: %w", err)
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxToken+1))
	if err != nil {
		return nil, fmt.Errorf("reading token: %w", err)
	}
	if len(text) > maxToken {
		return nil, fmt.Errorf("reading token: more than %d bytes; give the token alone", maxToken)
	}
	if len(strings.TrimSpace(string(text))) == 0 {
		return nil, errors.New("reading token: there is none; give it on standard input or by --token-file")
	}
	token, err := wire.ParseToken(string(text))
	if err != nil {
		return nil, fmt.Errorf("reading token: %w", err)
	}
	return token, nil
}

// Enroll makes this host known to the hub that the token names and stores its
// identity. The hub proves its key before the token is sent; the host key is
// on disk before it is used, and the identity last: an enrollment that was cut
// off can be tried again. The state is what the hub made of the host: enrolled,
// or pending until a person approves it.
func (s *State) Enroll(ctx context.Context, token *wire.Token, m Machine, version string) (id *Identity, state string, err error) {
	if err := s.enrolled(); err != nil {
		return nil, "", err
	}
	key, err := s.newKey()
	if err != nil {
		return nil, "", fmt.Errorf("enrolling: %w", err)
	}
	id = &Identity{Hub: token.Hub, Addresses: []string{token.Address}, Pins: token.Pins, Key: key}
	body, err := wire.SealEnroll(&wire.EnrollRequest{
		Token: token.ID, Secret: token.Secret, Machine: m.ID, Name: m.Name, OS: m.OS,
		Kernel: m.Kernel, Architecture: m.Architecture, Version: version, Sent: time.Now().UTC(),
		Wrapper: m.Wrapper,
	}, key)
	if err != nil {
		return nil, "", fmt.Errorf("enrolling: %w", err)
	}
	answer, err := askToEnroll(ctx, id, body, version)
	if err != nil {
		return nil, "", fmt.Errorf("enrolling: %w", err)
	}
	id.Host, id.HubKey, id.Pins = answer.Host, answer.HubKey, answer.Pins
	if err := s.store(id); err != nil {
		return nil, "", err
	}
	return id, answer.State, nil
}

// askToEnroll sends the request and checks the answer.
func askToEnroll(ctx context.Context, id *Identity, body []byte, version string) (*wire.EnrollReply, error) {
	ctx, cancel := context.WithTimeout(ctx, enrollTimeout)
	defer cancel()
	hub := newLink(id.Pins, id.Key, version)
	defer hub.close()
	r, err := hub.post(ctx, id.Addresses[0], wire.PathEnroll, body, false)
	if err != nil {
		return nil, err
	}
	if r.status/100 != statusOK/100 {
		errorID, detail := explain(r)
		return nil, &wire.Problem{ID: errorID, Detail: detail}
	}
	answer, err := wire.ParseEnrollReply(r.body)
	if err != nil {
		return nil, fmt.Errorf("reading the hub's answer: %w", err)
	}
	if answer.Hub != id.Hub {
		return nil, fmt.Errorf("the hub calls itself %s, but the token is for %s", answer.Hub, id.Hub)
	}
	return answer, nil
}
