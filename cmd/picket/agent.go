package main

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"picket.internal/eat"
	"picket.internal/envelope"
)

// agentPatience is how long an ssh-agent may take: some ask their owner.
const agentPatience = 2 * time.Minute

// signer makes an operator's signature over a token.
type signer func(o *eat.Opened) (envelope.Signature, error)

// fileSigner signs with a key that picket eat key has made.
func fileSigner(path string) (signer, error) {
	key, err := envelope.LoadPrivateKey(path)
	if err != nil {
		return nil, err
	}
	return func(o *eat.Opened) (envelope.Signature, error) { return o.Approve(key), nil }, nil
}

// agentKey is an Ed25519 key that an ssh-agent holds.
type agentKey struct {
	client agent.ExtendedAgent
	conn   net.Conn
	key    *agent.Key
	public envelope.PublicKey
}

// openAgent asks the ssh-agent for the key that is called so: by its
// fingerprint, its comment or its public half as trust stores have it. An empty
// word means the only one that can sign.
func openAgent(socket, word string) (_ *agentKey, err error) {
	if socket == "" {
		return nil, usageError{errors.New("no ssh-agent: SSH_AUTH_SOCK is not set; start one with eval $(ssh-agent) and give it the key with ssh-add")}
	}
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return nil, fmt.Errorf("asking the ssh-agent: %w; start one with eval $(ssh-agent)", err)
	}
	defer func() {
		if err != nil {
			conn.Close()
		}
	}()
	if err := conn.SetDeadline(time.Now().Add(agentPatience)); err != nil {
		return nil, fmt.Errorf("asking the ssh-agent: %w", err)
	}
	client := agent.NewClient(conn)
	keys, err := client.List()
	if err != nil {
		return nil, fmt.Errorf("asking the ssh-agent for its keys: %w", err)
	}
	key, public, err := chooseKey(keys, word)
	if err != nil {
		return nil, err
	}
	return &agentKey{client: client, conn: conn, key: key, public: public}, nil
}

func (k *agentKey) close() { k.conn.Close() }

// chooseKey finds the one key that is meant. A key that cannot sign tokens is
// refused by name, and passed over where none is named.
func chooseKey(keys []*agent.Key, word string) (*agent.Key, envelope.PublicKey, error) {
	var found []*agent.Key
	var publics []envelope.PublicKey
	var refused error
	for _, k := range keys {
		public, err := ed25519Of(k)
		if word != "" && !called(k, public, word) {
			continue
		}
		if err != nil {
			refused = err
			continue
		}
		found, publics = append(found, k), append(publics, public)
	}
	switch {
	case len(found) == 1:
		return found[0], publics[0], nil
	case len(found) > 1:
		var names []string
		for _, k := range found {
			names = append(names, ssh.FingerprintSHA256(k)+" ("+k.Comment+")")
		}
		return nil, envelope.PublicKey{}, usageError{fmt.Errorf("the ssh-agent has %d keys that fit; name one with --key: %s", len(found), strings.Join(names, ", "))}
	case word != "" && refused != nil:
		return nil, envelope.PublicKey{}, usageError{refused}
	case word != "":
		return nil, envelope.PublicKey{}, usageError{fmt.Errorf("the ssh-agent has no key %q; see ssh-add -l", word)}
	}
	return nil, envelope.PublicKey{}, usageError{errors.New("the ssh-agent has no Ed25519 key; make one with ssh-keygen -t ed25519 and give it to the agent with ssh-add")}
}

func called(k *agent.Key, public envelope.PublicKey, word string) bool {
	return word == k.Comment || word == ssh.FingerprintSHA256(k) || !public.IsZero() && (word == public.String() || word == public.ID())
}

// ed25519Of is the key as trust stores have it. Signatures of other keys are of
// another kind, or over other bytes: no host takes them.
func ed25519Of(k *agent.Key) (envelope.PublicKey, error) {
	switch k.Format {
	case ssh.KeyAlgoED25519:
	case ssh.KeyAlgoSKED25519:
		return envelope.PublicKey{}, fmt.Errorf("the key %q is a security key's: it signs other bytes than the token, so no host takes it; use a plain Ed25519 key (ssh-keygen -t ed25519)", k.Comment)
	default:
		return envelope.PublicKey{}, fmt.Errorf("the key %q is of the type %s, and hosts take Ed25519 signatures alone; make one with ssh-keygen -t ed25519", k.Comment, k.Format)
	}
	parsed, err := ssh.ParsePublicKey(k.Blob)
	if err != nil {
		return envelope.PublicKey{}, fmt.Errorf("reading the key %q of the ssh-agent: %w", k.Comment, err)
	}
	std, ok := parsed.(ssh.CryptoPublicKey)
	if !ok {
		return envelope.PublicKey{}, fmt.Errorf("reading the key %q of the ssh-agent: it holds no Ed25519 key", k.Comment)
	}
	raw, ok := std.CryptoPublicKey().(ed25519.PublicKey)
	if !ok {
		return envelope.PublicKey{}, fmt.Errorf("reading the key %q of the ssh-agent: it holds no Ed25519 key", k.Comment)
	}
	public, err := envelope.ParsePublicKey(raw)
	if err != nil {
		return envelope.PublicKey{}, fmt.Errorf("reading the key %q of the ssh-agent: %w", k.Comment, err)
	}
	return public, nil
}

// sign has the agent sign the token. What ssh calls the blob of an Ed25519
// signature (RFC 8709 section 6) is the very signature that trust stores ask
// for; it is verified here, because an agent may be anything.
func (k *agentKey) sign(o *eat.Opened) (envelope.Signature, error) {
	sig, err := k.client.Sign(k.key, o.Message())
	if err != nil {
		return envelope.Signature{}, fmt.Errorf("signing with the ssh-agent: %w", err)
	}
	if sig.Format != ssh.KeyAlgoED25519 || !ed25519.Verify(k.public.Bytes(), o.Message(), sig.Blob) {
		return envelope.Signature{}, errors.New("signing with the ssh-agent: what it returned is no signature of this token")
	}
	return envelope.Signature{Key: k.public, Sig: sig.Blob}, nil
}
