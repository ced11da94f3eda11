package wire

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/tls"
	"slices"

	"picket.internal/envelope"
)

// baseConfig is what both sides share. Sessions are never resumed: each
// connection proves the keys anew.
func baseConfig() *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		NextProtos:             []string{"h2", "http/1.1"},
		SessionTicketsDisabled: true,
	}
}

// ClientConfig is TLS for a sensor or a client: the hub must hold one of the
// pinned keys, and key vouches for the client; the zero key for none. Names,
// dates and authorities play no part, so no clock and no CA can be wrong.
func ClientConfig(pins []Pin, key envelope.PrivateKey) *tls.Config {
	pins = slices.Clone(pins)
	config := baseConfig()
	// The chain and the name are not checked because the key is: VerifyConnection
	// runs on every connection, resumed ones included.
	config.InsecureSkipVerify = true
	config.VerifyConnection = func(cs tls.ConnectionState) error { return checkPin(cs, pins) }
	if !key.IsZero() {
		certificate, err := selfSigned(key)
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return certificate, err }
	}
	return config
}

// ServerConfig is TLS for a hub with its TLS key. Clients may show a
// certificate; PeerKey tells whose it is, and the handler decides who must.
func ServerConfig(key envelope.PrivateKey) *tls.Config {
	config := baseConfig()
	config.ClientAuth = tls.RequestClientCert
	config.VerifyConnection = func(cs tls.ConnectionState) error {
		if len(cs.PeerCertificates) == 0 {
			return nil
		}
		_, err := PeerKey(cs)
		return err
	}
	certificate, err := selfSigned(key)
	if err != nil {
		config.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, err }
		return config
	}
	config.Certificates = []tls.Certificate{*certificate}
	return config
}

// PeerKey returns the key that the other side of a connection has proved.
func PeerKey(cs tls.ConnectionState) (envelope.PublicKey, error) {
	if !cs.HandshakeComplete && cs.Version == 0 || len(cs.PeerCertificates) == 0 {
		return envelope.PublicKey{}, fail(ErrNoCertificate, "the peer showed no certificate")
	}
	raw, ok := cs.PeerCertificates[0].PublicKey.(ed25519.PublicKey)
	if !ok || len(cs.PeerCertificates) != 1 {
		return envelope.PublicKey{}, fail(ErrBadCertificate, "the peer's certificate is not one of an Ed25519 key")
	}
	key, err := envelope.PublicKeyFromStd(raw)
	if err != nil {
		return envelope.PublicKey{}, fail(ErrBadCertificate, "%v", err)
	}
	return key, nil
}

// checkPin accepts a peer whose key is pinned.
func checkPin(cs tls.ConnectionState, pins []Pin) error {
	if len(cs.PeerCertificates) == 0 {
		return fail(ErrPinMismatch, "the server showed no certificate")
	}
	have := Pin(sha256.Sum256(cs.PeerCertificates[0].RawSubjectPublicKeyInfo))
	if !slices.Contains(pins, have) {
		return fail(ErrPinMismatch, "the server's key is %s, which is none of the %d pinned", have, len(pins))
	}
	return nil
}
