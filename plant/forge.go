package plant

import (
	"bytes"
	"crypto/ed25519"
	cryptorand "crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// forger makes the content of canaries: of the right form in every detail, of
// random bytes that open nothing, and different on every host, so that no
// list of known canaries gives them away.
type forger struct {
	rand *rand.Rand
	age  time.Time // when the file is to look last changed
}

// newForger returns a forger whose file looks a month to a year old.
func newForger(now time.Time) (*forger, error) {
	var seed [32]byte
	if _, err := cryptorand.Read(seed[:]); err != nil {
		return nil, fmt.Errorf("drawing random bytes: %w", err)
	}
	return forgerOf(seed, now), nil
}

func forgerOf(seed [32]byte, now time.Time) *forger {
	r := rand.New(rand.NewChaCha8(seed))
	seconds := r.Int64N(335*24*3600) + 30*24*3600
	return &forger{rand: r, age: now.Add(-time.Duration(seconds)*time.Second - time.Duration(r.IntN(1e9)))}
}

const (
	base32Upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	base64Std   = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	bcrypt64    = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
)

// text draws n characters of an alphabet.
func (f *forger) text(n int, alphabet string) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[f.rand.IntN(len(alphabet))]
	}
	return string(b)
}

func (f *forger) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(f.rand.Uint32())
	}
	return b
}

func (f *forger) pick(from []string) string { return from[f.rand.IntN(len(from))] }

// awsCredentials writes the file that the AWS command line keeps its
// long-lived keys in, with a profile for every day and one that tempts.
func (f *forger) awsCredentials() []byte {
	var b strings.Builder
	for _, profile := range []string{"default", f.pick([]string{"prod", "production", "prod-admin", "billing"})} {
		fmt.Fprintf(&b, "[%s]\naws_access_key_id = AKIA%s\naws_secret_access_key = %s\n",
			profile, f.text(16, base32Upper), f.text(40, base64Std))
		if profile != "default" {
			fmt.Fprintf(&b, "region = %s\n", f.pick([]string{"eu-central-1", "eu-west-1", "us-east-1", "us-west-2"}))
		}
		b.WriteByte('\n')
	}
	return []byte(strings.TrimSuffix(b.String(), "\n"))
}

// sshPrivateKey writes an Ed25519 key that OpenSSH accepts, in the form of
// PROTOCOL.key: no cipher, no key derivation, one key. Its public half is in
// nobody's authorized_keys.
func (f *forger) sshPrivateKey() []byte {
	key := ed25519.NewKeyFromSeed(f.bytes(ed25519.SeedSize))
	pub := key.Public().(ed25519.PublicKey)
	var public, private, file bytes.Buffer
	sshString(&public, []byte("ssh-ed25519"))
	sshString(&public, pub)

	check := f.bytes(4) // twice the same, by which a reader knows that decryption worked
	private.Write(check)
	private.Write(check)
	private.Write(public.Bytes())
	sshString(&private, key)
	sshString(&private, []byte(f.pick([]string{"deploy", "backup", "root", "ansible"})+"@"+f.pick([]string{"build", "bastion", "db", "ops"})+fmt.Sprint(f.rand.IntN(9)+1)))
	for pad := byte(1); private.Len()%8 != 0; pad++ {
		private.WriteByte(pad)
	}

	file.WriteString("openssh-key-v1\x00")
	sshString(&file, []byte("none"))
	sshString(&file, []byte("none"))
	sshString(&file, nil)
	_ = binary.Write(&file, binary.BigEndian, uint32(1)) // a Buffer takes every write
	sshString(&file, public.Bytes())
	sshString(&file, private.Bytes())
	return sshArmor(file.Bytes())
}

func sshString(b *bytes.Buffer, s []byte) {
	_ = binary.Write(b, binary.BigEndian, uint32(len(s))) // a Buffer takes every write
	b.Write(s)
}

// sshArmor is PEM with OpenSSH's lines of 70 characters instead of 64, which
// tell a real file from one that encoding/pem wrote.
func sshArmor(data []byte) []byte {
	const kind = "OPENSSH PRIVATE KEY"
	var b bytes.Buffer
	b.WriteString("-----BEGIN " + kind + "-----\n")
	for text := base64.StdEncoding.EncodeToString(data); text != ""; {
		n := min(70, len(text))
		b.WriteString(text[:n] + "\n")
		text = text[n:]
	}
	b.WriteString("-----END " + kind + "-----\n")
	return b.Bytes()
}

// customerDump writes what pg_dump would of a table of customers. All
// addresses are of example domains (RFC 2606): nobody's.
func (f *forger) customerDump() []byte {
	var b strings.Builder
	version := fmt.Sprintf("%d.%d", 13+f.rand.IntN(4), 2+f.rand.IntN(8))
	b.WriteString("--\n-- PostgreSQL database dump\n--\n\n" +
		"-- Dumped from database version " + version + "\n-- Dumped by pg_dump version " + version + "\n\n" +
		"SET statement_timeout = 0;\nSET client_encoding = 'UTF8';\nSET standard_conforming_strings = on;\n\n" +
		"--\n-- Name: customers; Type: TABLE; Schema: public; Owner: shop\n--\n\n" +
		"CREATE TABLE public.customers (\n    id bigint NOT NULL,\n    email character varying(255) NOT NULL,\n" +
		"    name text,\n    password_hash character varying(60) NOT NULL,\n    created_at timestamp with time zone\n);\n\n\n" +
		"ALTER TABLE public.customers OWNER TO shop;\n\n" +
		"COPY public.customers (id, email, name, password_hash, created_at) FROM stdin;\n")
	for id, rows := 1000+f.rand.IntN(9000), 180+f.rand.IntN(60); rows > 0; rows-- {
		id += 1 + f.rand.IntN(3)
		first, last := f.pick(firstNames), f.pick(lastNames)
		fmt.Fprintf(&b, "%d\t%s.%s%d@example.%s\t%s %s\t$2b$12$%s\t%s\n",
			id, strings.ToLower(first), strings.ToLower(last), f.rand.IntN(90)+10, f.pick([]string{"com", "net", "org"}),
			first, last, f.text(53, bcrypt64),
			f.age.Add(-time.Duration(f.rand.IntN(700*24*3600))*time.Second).UTC().Format("2006-01-02 15:04:05-07"))
	}
	b.WriteString("\\.\n\n\n--\n-- PostgreSQL database dump complete\n--\n\n")
	return []byte(b.String())
}

var (
	firstNames = []string{"Anna", "Ben", "Clara", "David", "Elena", "Felix", "Greta", "Hugo", "Ines", "Jonas", "Katrin", "Leon", "Maria", "Nils", "Olga", "Paul", "Rosa", "Sven", "Tessa", "Viktor"}
	lastNames  = []string{"Almeida", "Becker", "Costa", "Dubois", "Eriksen", "Fischer", "Garcia", "Hansen", "Ivanova", "Jansen", "Kowalski", "Lindqvist", "Moreau", "Novak", "Olsen", "Peeters", "Rossi", "Silva", "Tanaka", "Weber"}
)
