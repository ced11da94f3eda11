package plant

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	cryptorand "crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"time"
)

const (
	letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	crypt64 = bcrypt64
)

// dotEnv writes the environment of a web application.
func (f *forger) dotEnv() []byte {
	app := f.pick([]string{"shop", "portal", "billing", "orders", "intranet", "crm"})
	lines := []string{
		"APP_ENV=production",
		"APP_KEY=base64:" + base64.StdEncoding.EncodeToString(f.bytes(32)),
		fmt.Sprintf("DATABASE_URL=postgres://%s:%s@10.%d.%d.%d:5432/%s", app, f.text(20, letters), f.rand.IntN(200), f.rand.IntN(250), f.rand.IntN(250)+2, app),
		fmt.Sprintf("REDIS_URL=redis://:%s@127.0.0.1:6379/%d", f.text(24, letters), f.rand.IntN(4)),
		"JWT_SECRET=" + hex.EncodeToString(f.bytes(32)),
		"SMTP_PASSWORD=" + f.text(16, letters),
		"AWS_ACCESS_KEY_ID=AKIA" + f.text(16, base32Upper),
		"AWS_SECRET_ACCESS_KEY=" + f.text(40, base64Std),
	}
	f.rand.Shuffle(len(lines)-1, func(i, j int) { lines[i+1], lines[j+1] = lines[j+1], lines[i+1] })
	return []byte(strings.Join(lines, "\n") + "\n")
}

// shadowBackup writes a copy of shadow(5) with passwords of nobody.
func (f *forger) shadowBackup() []byte {
	day := int(f.age.Unix() / 86400)
	var b strings.Builder
	line := func(name, hash string) {
		fmt.Fprintf(&b, "%s:%s:%d:0:99999:7:::\n", name, hash, day-f.rand.IntN(600))
	}
	hash := func() string { return "$6$" + f.text(16, crypt64) + "$" + f.text(86, crypt64) }
	line("root", hash())
	for _, name := range strings.Fields("daemon bin sys sync games man lp mail news uucp proxy www-data backup list nobody") {
		line(name, "*")
	}
	used := map[string]bool{}
	for range 2 + f.rand.IntN(4) {
		if name := strings.ToLower(f.pick(firstNames)); !used[name] {
			used[name] = true
			line(name, hash())
		}
	}
	return []byte(b.String())
}

// kubeConfig writes the file of kubectl for the administrator of a cluster,
// with certificates of an authority that was made for it and is gone.
func (f *forger) kubeConfig() ([]byte, error) {
	cluster := f.pick([]string{"prod", "production", "eks-prod", "k8s-live", "platform"})
	ca, caKey, err := f.certificate("kubernetes", "", nil, nil)
	if err != nil {
		return nil, err
	}
	admin, adminKey, err := f.certificate("kubernetes-admin", "system:masters", ca, caKey)
	if err != nil {
		return nil, err
	}
	key, err := x509.MarshalECPrivateKey(adminKey)
	if err != nil {
		return nil, fmt.Errorf("encoding key: %w", err)
	}
	armor := func(kind string, der []byte) string {
		return base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: %s
    server: https://10.%d.%d.%d:6443
  name: %[5]s
contexts:
- context:
    cluster: %[5]s
    user: kubernetes-admin
  name: kubernetes-admin@%[5]s
current-context: kubernetes-admin@%[5]s
kind: Config
preferences: {}
users:
- name: kubernetes-admin
  user:
    client-certificate-data: %[6]s
    client-key-data: %[7]s
`, armor("CERTIFICATE", ca.Raw), f.rand.IntN(250), f.rand.IntN(250), f.rand.IntN(250)+2, cluster,
		armor("CERTIFICATE", admin.Raw), armor("EC PRIVATE KEY", key))
	return b.Bytes(), nil
}

// certificate makes one of the authority, or with nil an authority.
func (f *forger) certificate(name, group string, by *x509.Certificate, byKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), cryptorand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("making key: %w", err)
	}
	t := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(f.bytes(8)),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    f.age.UTC().Truncate(time.Second), NotAfter: f.age.AddDate(1, 0, 0).UTC().Truncate(time.Second),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, BasicConstraintsValid: true,
	}
	if group != "" {
		t.Subject.Organization = []string{group}
	}
	if by == nil {
		by, byKey = t, key
		t.IsCA, t.KeyUsage, t.NotAfter = true, t.KeyUsage|x509.KeyUsageCertSign, t.NotBefore.AddDate(10, 0, 0)
	}
	der, err := x509.CreateCertificate(cryptorand.Reader, t, by, &key.PublicKey, byKey)
	if err != nil {
		return nil, nil, fmt.Errorf("making certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	return cert, key, err
}
