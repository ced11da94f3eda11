package wire_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"math/big"
	"testing"
	"time"

	"picket.internal/envelope"
	"picket.internal/wire"
)

// TestCertificate holds the certificate to what crypto/x509 would make of the
// same: byte for byte, and readable by it.
func TestCertificate(t *testing.T) {
	for range 50 {
		key := newKey(t)
		config := wire.ServerConfig(key)
		got := config.Certificates[0].Certificate[0]
		std := key.Std()
		template := &x509.Certificate{
			SerialNumber: big.NewInt(1),
			Subject:      pkix.Name{CommonName: "picket " + key.Public().ID()},
			NotBefore:    time.Unix(0, 0).UTC(),
			NotAfter:     time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
			KeyUsage:     x509.KeyUsageDigitalSignature,
			ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		}
		want, err := x509.CreateCertificate(rand.Reader, template, template, std.Public(), std)
		if err != nil {
			t.Fatal(err)
		}
		a, err := x509.ParseCertificate(got)
		if err != nil {
			t.Fatalf("crypto/x509 does not read it: %v", err)
		}
		if err := a.CheckSignature(x509.PureEd25519, a.RawTBSCertificate, a.Signature); err != nil {
			t.Errorf("signature: %v", err)
		}
		if hex.EncodeToString(got) != hex.EncodeToString(want) {
			t.Errorf("got  %x\nwant %x", got, want)
		}
		spki, err := x509.MarshalPKIXPublicKey(ed25519.PublicKey(key.Public().Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		if pin, err := wire.PinOf(key.Public()); err != nil || pin != sha256.Sum256(spki) {
			t.Errorf("pin %v, %v", pin, err)
		}
	}
	if _, err := wire.PinOf(envelope.PublicKey{}); err == nil {
		t.Error("no key has a pin")
	}
}
