//go:build linux

package sshkeys

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"math/bits"
	"strings"
)

// key is a line of authorized_keys, without the key.
type key struct {
	options     []string
	kind        string
	bits        int64
	fingerprint string
	comment     string // raw bytes
}

// parseKey reads a line of sshd(8)'s AUTHORIZED_KEYS FILE FORMAT: options, if
// any, the type, the key in base64, a comment.
func parseKey(line []byte) (k key, ok bool) {
	line = bytes.TrimSpace(line)
	if k, ok = parseBare(line); ok {
		return k, true
	}
	options, rest, ok := cutOptions(line)
	if !ok {
		return key{}, false
	}
	if k, ok = parseBare(bytes.TrimLeft(rest, " \t")); !ok {
		return key{}, false
	}
	k.options = options
	return k, true
}

// parseBare reads a line without options.
func parseBare(line []byte) (key, bool) {
	kind, rest := cutBlank(line)
	encoded, comment := cutBlank(rest)
	if !isKind(kind) || len(encoded) == 0 {
		return key{}, false
	}
	// sshd takes keys whose padding is missing.
	blob, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(string(encoded), "="))
	if err != nil {
		return key{}, false
	}
	inner, rest, ok := cutString(blob)
	if !ok || string(inner) != string(kind) {
		return key{}, false
	}
	size, ok := sizeOf(string(kind), rest)
	if !ok {
		return key{}, false
	}
	return key{kind: string(kind), bits: size, fingerprint: fingerprint(blob), comment: string(comment)}, true
}

// fingerprint is what ssh-keygen -l prints. That of a certificate is of the
// key in it, which is what tells one key from another.
func fingerprint(blob []byte) string {
	if plain, ok := certified(blob); ok {
		blob = plain
	}
	sum := sha256.Sum256(blob)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}

// isKind tells the names of key types that ssh-keygen(1) makes.
func isKind(kind []byte) bool {
	switch string(bytes.TrimSuffix(kind, []byte(certSuffix))) {
	case "ssh-ed25519", "ssh-rsa", "ssh-dss", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
		"ssh-xmss@openssh.com", "webauthn-sk-ecdsa-sha2-nistp256@openssh.com":
		return true
	case "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com":
		return true
	}
	return skCert(string(kind)) != ""
}

const certSuffix = "-cert-v01@openssh.com"

// skCert is the type of key in a certificate of a key of a security token,
// whose name is made otherwise; empty for other types.
func skCert(kind string) string {
	switch kind {
	case "sk-ssh-ed25519" + certSuffix:
		return "sk-ssh-ed25519@openssh.com"
	case "sk-ecdsa-sha2-nistp256" + certSuffix:
		return "sk-ecdsa-sha2-nistp256@openssh.com"
	}
	return ""
}

// plainKind is the type of the key in a certificate; empty where kind is no
// certificate.
func plainKind(kind string) string {
	if plain := skCert(kind); plain != "" {
		return plain
	}
	plain, ok := strings.CutSuffix(kind, certSuffix)
	if !ok {
		return ""
	}
	return plain
}

// sizeOf is the key's size in bits, from what follows its type. Source: RFC
// 4253 section 6.6, RFC 5656 section 3.1, RFC 8709 section 4.
func sizeOf(kind string, rest []byte) (int64, bool) {
	if plain := plainKind(kind); plain != "" {
		_, rest, ok := cutString(rest) // the nonce
		if !ok {
			return 0, false
		}
		return sizeOf(plain, rest)
	}
	first, more, ok := cutString(rest)
	if !ok {
		return 0, false
	}
	switch kind {
	case "ssh-rsa": // exponent, modulus
		modulus, _, ok := cutString(more)
		return bitLen(modulus), ok
	case "ssh-dss": // prime first
		return bitLen(first), true
	case "ssh-ed25519", "sk-ssh-ed25519@openssh.com":
		return 256, len(first) == 32
	case "ssh-xmss@openssh.com":
		return 0, true
	}
	switch string(first) { // the curve
	case "nistp256":
		return 256, true
	case "nistp384":
		return 384, true
	case "nistp521":
		return 521, true
	}
	return 0, false
}

// certified is the plain key in a certificate, in wire form. Source: OpenSSH
// PROTOCOL.certkeys.
func certified(blob []byte) ([]byte, bool) {
	kind, rest, ok := cutString(blob)
	plain := plainKind(string(kind))
	if !ok || plain == "" {
		return nil, false
	}
	_, rest, ok = cutString(rest) // the nonce
	parts := 1
	switch plain {
	case "ssh-rsa", "sk-ssh-ed25519@openssh.com":
		parts = 2
	case "ssh-dss":
		parts = 4
	case "sk-ecdsa-sha2-nistp256@openssh.com":
		parts = 3
	case "ssh-ed25519":
	default: // a curve and a point
		parts = 2
	}
	end := rest
	for range parts {
		if ok {
			_, end, ok = cutString(end)
		}
	}
	if !ok {
		return nil, false
	}
	out := binary.BigEndian.AppendUint32(nil, uint32(len(plain)))
	return append(append(out, plain...), rest[:len(rest)-len(end)]...), true
}

// cutString cuts a string of RFC 4251 section 5 off the front.
func cutString(b []byte) (s, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, nil, false
	}
	n := binary.BigEndian.Uint32(b)
	if uint64(n) > uint64(len(b)-4) {
		return nil, nil, false
	}
	return b[4 : 4+n], b[4+n:], true
}

// bitLen is how many bits a number takes.
func bitLen(b []byte) int64 {
	b = bytes.TrimLeft(b, "\x00")
	if len(b) == 0 {
		return 0
	}
	return int64(len(b)-1)*8 + int64(bits.Len8(b[0]))
}

// cutBlank cuts at the first run of blanks.
func cutBlank(b []byte) (head, rest []byte) {
	i := bytes.IndexAny(b, " \t")
	if i < 0 {
		return b, nil
	}
	return b[:i], bytes.TrimLeft(b[i:], " \t")
}

// cutOptions cuts the options off the front: words with commas between them,
// in which quotes keep blanks and commas together and \" is a quote.
func cutOptions(line []byte) (options []string, rest []byte, ok bool) {
	quoted, from := false, 0
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && i+1 < len(line) && line[i+1] == '"':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == ',', c == ' ', c == '\t':
			if i == from {
				return nil, nil, false
			}
			options = append(options, string(line[from:i]))
			if from = i + 1; c != ',' {
				return options, line[i:], true
			}
		}
	}
	return nil, nil, false
}
