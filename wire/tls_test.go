package wire_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"picket.internal/envelope"
	"picket.internal/wire"
	"picket.internal/wire/httpwire"
)

func newKey(t testing.TB) envelope.PrivateKey {
	t.Helper()
	key, err := envelope.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func pinOf(t testing.TB, key envelope.PrivateKey) wire.Pin {
	t.Helper()
	pin, err := wire.PinOf(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return pin
}

// newServer serves handler over config and HTTP/2.
func newServer(t testing.TB, config *tls.Config, handler http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(handler)
	s.TLS = config
	s.EnableHTTP2 = true
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// counter is a handler that counts requests and the bytes of their bodies.
type counter struct{ requests, bytes atomic.Int64 }

func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.requests.Add(1)
	n, _ := io.Copy(io.Discard, r.Body)
	c.bytes.Add(n)
}

func TestMutualTLS(t *testing.T) {
	hub, host := newKey(t), newKey(t)
	var peer envelope.PublicKey
	var peerErr error
	var proto string
	s := newServer(t, wire.ServerConfig(hub), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer, peerErr = wire.PeerKey(*r.TLS)
		proto = r.Proto
	}))
	client := httpwire.NewClient([]wire.Pin{pinOf(t, newKey(t)), pinOf(t, hub)}, host)
	resp, err := client.Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.TLS.Version != tls.VersionTLS13 || proto != "HTTP/2.0" {
		t.Errorf("version %x, %s", resp.TLS.Version, proto)
	}
	if peerErr != nil || peer != host.Public() {
		t.Errorf("PeerKey = %v, %v, want %v", peer, peerErr, host.Public())
	}

	anonymous := httpwire.NewClient([]wire.Pin{pinOf(t, hub)}, envelope.PrivateKey{})
	resp, err = anonymous.Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if !errors.Is(peerErr, wire.ErrNoCertificate) || !peer.IsZero() {
		t.Errorf("PeerKey without a certificate = %v, %v", peer, peerErr)
	}
}

func TestThreat_T3_FirstContactWithAnotherHub(t *testing.T) {
	real, host := newKey(t), newKey(t)
	for name, config := range map[string]*tls.Config{
		"an Ed25519 key of its own":          wire.ServerConfig(newKey(t)),
		"a certificate of another algorithm": foreignConfig(t, tls.VersionTLS13),
	} {
		t.Run(name, func(t *testing.T) {
			seen := new(counter)
			s := newServer(t, config, seen)
			client := httpwire.NewClient([]wire.Pin{pinOf(t, real)}, host)
			_, err := client.Post(s.URL+wire.PathEnroll, wire.ContentType, strings.NewReader("the token's secret"))
			if !errors.Is(err, wire.ErrPinMismatch) || wire.ErrorID(err) != "tls.pin_mismatch" {
				t.Errorf("Post = %v, want tls.pin_mismatch", err)
			}
			if seen.requests.Load() != 0 || seen.bytes.Load() != 0 {
				t.Errorf("the server saw %d requests, %d bytes", seen.requests.Load(), seen.bytes.Load())
			}
		})
	}
	t.Run("no pin", func(t *testing.T) {
		seen := new(counter)
		s := newServer(t, wire.ServerConfig(real), seen)
		if _, err := httpwire.NewClient(nil, host).Get(s.URL); !errors.Is(err, wire.ErrPinMismatch) || seen.requests.Load() != 0 {
			t.Errorf("Get = %v, %d requests", err, seen.requests.Load())
		}
	})
}

// A pin is checked on each connection, also where the server would resume one.
func TestPinOnEveryConnection(t *testing.T) {
	hub := newKey(t)
	s := newServer(t, wire.ServerConfig(hub), new(counter))
	config := wire.ClientConfig([]wire.Pin{pinOf(t, hub)}, envelope.PrivateKey{})
	config.ClientSessionCache = tls.NewLRUClientSessionCache(8)
	checked := 0
	check := config.VerifyConnection
	config.VerifyConnection = func(cs tls.ConnectionState) error {
		checked++
		if cs.DidResume {
			t.Error("a session was resumed")
		}
		return check(cs)
	}
	for range 3 {
		conn, err := tls.Dial("tcp", s.Listener.Addr().String(), config)
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
	if checked != 3 {
		t.Errorf("checked %d of 3 connections", checked)
	}
}

func TestThreat_T9_DowngradeRedirectProxy(t *testing.T) {
	hub, host := newKey(t), newKey(t)
	t.Run("TLS 1.2 server", func(t *testing.T) {
		seen := new(counter)
		s := newServer(t, foreignConfig(t, tls.VersionTLS12), seen)
		_, err := httpwire.NewClient([]wire.Pin{pinOf(t, hub)}, host).Get(s.URL)
		if !errors.Is(err, wire.ErrTLSVersion) || seen.requests.Load() != 0 {
			t.Errorf("Get = %v, %d requests, want tls.version", err, seen.requests.Load())
		}
	})
	t.Run("TLS 1.2 client", func(t *testing.T) {
		s := newServer(t, wire.ServerConfig(hub), new(counter))
		config := wire.ClientConfig([]wire.Pin{pinOf(t, hub)}, host)
		config.MinVersion, config.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
		if conn, err := tls.Dial("tcp", s.Listener.Addr().String(), config); err == nil {
			conn.Close()
			t.Error("a TLS 1.2 client was let in")
		}
	})
	t.Run("redirect", func(t *testing.T) {
		elsewhere := new(counter)
		target := newServer(t, wire.ServerConfig(hub), elsewhere)
		for _, code := range []int{301, 302, 303, 307, 308} {
			s := newServer(t, wire.ServerConfig(hub), http.RedirectHandler(target.URL, code))
			_, err := httpwire.NewClient([]wire.Pin{pinOf(t, hub)}, host).Post(s.URL, wire.ContentType, strings.NewReader("x"))
			if !errors.Is(err, wire.ErrRedirectRefused) {
				t.Errorf("%d: %v, want net.redirect_refused", code, err)
			}
		}
		if n := elsewhere.requests.Load(); n != 0 {
			t.Errorf("%d requests followed a redirect", n)
		}
	})
	t.Run("proxy from the environment", func(t *testing.T) {
		proxy := new(counter)
		t.Setenv("HTTPS_PROXY", newServer(t, wire.ServerConfig(hub), proxy).URL)
		t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
		direct := new(counter)
		s := newServer(t, wire.ServerConfig(hub), direct)
		resp, err := httpwire.NewClient([]wire.Pin{pinOf(t, hub)}, host).Get(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if proxy.requests.Load() != 0 || direct.requests.Load() != 1 {
			t.Errorf("proxy %d, direct %d", proxy.requests.Load(), direct.requests.Load())
		}
	})
}

// A client certificate that is not one Ed25519 key does not get past the
// handshake.
func TestServerRefusesForeignClientCertificate(t *testing.T) {
	hub := newKey(t)
	seen := new(counter)
	s := newServer(t, wire.ServerConfig(hub), seen)
	config := wire.ClientConfig([]wire.Pin{pinOf(t, hub)}, envelope.PrivateKey{})
	config.Certificates = foreignConfig(t, tls.VersionTLS13).Certificates
	transport := &http.Transport{TLSClientConfig: config}
	if resp, err := (&http.Client{Transport: transport}).Get(s.URL); err == nil {
		resp.Body.Close()
		t.Error("a P-256 client certificate was let in")
	}
	if seen.requests.Load() != 0 {
		t.Error("the handler ran")
	}
}

func TestPeerKeyOfNothing(t *testing.T) {
	if _, err := wire.PeerKey(tls.ConnectionState{}); !errors.Is(err, wire.ErrNoCertificate) {
		t.Error(err)
	}
	two := tls.ConnectionState{HandshakeComplete: true, PeerCertificates: []*x509.Certificate{{}, {}}}
	if _, err := wire.PeerKey(two); !errors.Is(err, wire.ErrBadCertificate) {
		t.Error(err)
	}
}

// foreignConfig is TLS as another server would speak it, up to version.
func foreignConfig(t testing.TB, version uint16) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{MaxVersion: version, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}
