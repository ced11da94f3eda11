package wire

import (
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"slices"

	"picket.internal/envelope"
)

// The certificate is put together by hand: all but the key, its id and the
// signature is the same in every one, and crypto/x509's maker of certificates
// would add 60 kB to the sensor.

// DER identifier octets. Source: X.690.
const (
	derBitString = 0x03
	derSequence  = 0x30
)

// der wraps the parts in one element. No element here is longer than 64 KiB.
func der(tag byte, parts ...[]byte) []byte {
	content := slices.Concat(parts...)
	switch n := len(content); {
	case n < 0x80:
		return append([]byte{tag, byte(n)}, content...)
	case n < 0x100:
		return append([]byte{tag, 0x81, byte(n)}, content...)
	default:
		return append([]byte{tag, 0x82, byte(n >> 8), byte(n)}, content...)
	}
}

// ed25519ID is the AlgorithmIdentifier of Ed25519. Source: RFC 8410 section 3.
var ed25519ID = []byte{derSequence, 5, 0x06, 3, 0x2b, 0x65, 0x70}

// spki is the SubjectPublicKeyInfo of a key. Source: RFC 8410 section 4.
func spki(key envelope.PublicKey) []byte {
	return der(derSequence, ed25519ID, der(derBitString, []byte{0}, key.Bytes()))
}

// What every certificate says beside its key. Source: RFC 5280 section 4.1.
var (
	version3 = []byte{0xa0, 3, 0x02, 1, 2}
	serial   = []byte{0x02, 1, 1}
	// validity is at any time that a broken clock may show: from 1970 to the
	// end of 9999, which RFC 5280 section 4.1.2.5 uses for no end at all.
	validity = der(derSequence, der(0x17, []byte("700101000000Z")), der(0x18, []byte("99991231235959Z")))
	// extensions are the key usage digitalSignature, critical, and the extended
	// key usages serverAuth and clientAuth.
	extensions = der(0xa3, der(derSequence,
		der(derSequence, []byte{0x06, 3, 0x55, 0x1d, 0x0f, 0x01, 1, 0xff, 0x04, 4, derBitString, 2, 7, 0x80}),
		der(derSequence, []byte{0x06, 3, 0x55, 0x1d, 0x25}, der(0x04, der(derSequence,
			[]byte{0x06, 8, 0x2b, 6, 1, 5, 5, 7, 3, 1}, []byte{0x06, 8, 0x2b, 6, 1, 5, 5, 7, 3, 2})))))
)

// selfSigned wraps a key in the certificate that TLS wants around it. It says
// nothing but the key.
func selfSigned(key envelope.PrivateKey) (*tls.Certificate, error) {
	if key.IsZero() {
		return nil, errors.New("internal error: a certificate without a key")
	}
	// One relative name, commonName (2.5.4.3), a PrintableString.
	name := der(derSequence, der(0x31, der(derSequence,
		[]byte{0x06, 3, 0x55, 0x04, 0x03}, der(0x13, []byte("picket "+key.Public().ID())))))
	body := der(derSequence, version3, serial, ed25519ID, name, validity, name, spki(key.Public()), extensions)
	std := key.Std()
	signature := ed25519.Sign(std, body)
	whole := der(derSequence, body, ed25519ID, der(derBitString, []byte{0}, signature))
	return &tls.Certificate{Certificate: [][]byte{whole}, PrivateKey: std}, nil
}
