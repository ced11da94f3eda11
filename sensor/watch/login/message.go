package login

import (
	"net/netip"
	"strconv"
	"strings"

	"picket.internal/fact"
)

// Message is what a program said of a login.
type Message struct {
	// Login is what the message says; action, outcome, service and what is
	// known of method, source and key are set.
	Login fact.Login
	// User is the account, raw bytes.
	User string
	// Ambiguous is true where the message can be read in two ways, because a
	// name in it was made for that. It then has no address and no key.
	Ambiguous bool
	// closing is true where the message ends an attempt that may have been
	// told already.
	closing bool
}

// ParseMessage reads a message of sshd, login, su or sudo; program is what it
// calls itself. ok is false for those that are not about a login.
func ParseMessage(program, text string) (m Message, ok bool) {
	text = strings.TrimSpace(text)
	switch program {
	case "sshd", "sshd-session", "sshd-auth":
		program = "sshd"
		ok = m.parseSSHD(text)
	case "login", "su", "sudo":
	default:
		return m, false
	}
	if !ok {
		m = Message{}
		ok = m.parsePAM(program, text)
	}
	m.Login.Service = program
	return m, ok
}

// parseSSHD reads what sshd logs, as in its auth.c, auth2.c and packet.c.
func (m *Message) parseSSHD(s string) bool {
	s = strings.TrimPrefix(s, "error: ")
	s = strings.TrimSuffix(s, " [preauth]")
	if rest, ok := strings.CutPrefix(s, "Accepted "); ok {
		return m.parseAttempt(rest, true)
	}
	if rest, ok := strings.CutPrefix(s, "Failed "); ok {
		return m.parseAttempt(rest, false)
	}
	if rest, ok := strings.CutPrefix(s, "Invalid user "); ok {
		return m.parseInvalid(rest)
	}
	begin, rest, _ := strings.Cut(s, " authenticating user ")
	switch begin {
	case "Connection closed by", "Connection reset by", "Disconnected from":
		return m.parseClosed(rest)
	}
	return false
}

func (m *Message) refused() { m.Login.Action, m.Login.Outcome = fact.Changed, "failure" }

func (m *Message) accepted() { m.Login.Action, m.Login.Outcome = fact.Added, "success" }

// parseAttempt reads "METHOD for [invalid user ]NAME from ADDRESS port PORT
// ssh2[: KEY]".
func (m *Message) parseAttempt(s string, success bool) bool {
	m.refused()
	if success {
		m.accepted()
	}
	method, rest, ok := strings.Cut(s, " for ")
	if !ok || !isMethod(method) || method == "none" { // clients ask with none what there is
		return false
	}
	l := &m.Login
	l.Method = method
	if name, invalid := strings.CutPrefix(rest, "invalid user "); invalid && !success {
		rest, l.Invalid = name, true
	}
	// The name may be any text, so what follows is looked for from the end. A
	// certificate names itself in what follows, and its maker chose that too.
	found := 0
	for end := len(rest); ; {
		end = strings.LastIndex(rest[:end], " from ")
		if end < 0 {
			break
		}
		p, ok := parsePeer(rest[end+len(" from "):])
		if !ok {
			continue
		}
		if found++; found > 1 {
			break
		}
		m.User = rest[:end]
		l.SourceIP, l.SourcePort, l.Fingerprint = p.ip, p.port, p.fingerprint
	}
	if found > 1 {
		m.Ambiguous = true
		m.User, l.SourceIP, l.SourcePort, l.Fingerprint = "", "", 0, ""
	}
	return found > 0
}

// parseInvalid reads "NAME from ADDRESS[ port PORT]".
func (m *Message) parseInvalid(s string) (ok bool) {
	at := strings.LastIndex(" "+s, " from ")
	if at < 0 {
		return false
	}
	ip, rest, _ := strings.Cut(s[at+len("from "):], " ")
	m.refused()
	m.Login.Invalid = true
	m.User = strings.TrimSuffix(s[:at], " ")
	m.Login.SourceIP, ok = address(ip)
	if ok && rest != "" {
		m.Login.SourcePort, ok = port(rest)
	}
	return ok
}

// parseClosed reads "NAME ADDRESS port PORT".
func (m *Message) parseClosed(s string) bool {
	at := strings.LastIndex(s, " port ")
	if at < 0 {
		return false
	}
	blank := strings.LastIndexByte(s[:at], ' ')
	if blank < 0 {
		return false
	}
	m.refused()
	m.closing = true
	m.User = s[:blank]
	var ok1, ok2 bool
	m.Login.SourceIP, ok1 = address(s[blank+1 : at])
	m.Login.SourcePort, ok2 = port(s[at+1:])
	return ok1 && ok2
}

// parsePAM reads what pam_unix(8) says of sessions and refusals.
func (m *Message) parsePAM(program, s string) bool {
	rest, ok := strings.CutPrefix(s, "pam_unix("+program)
	if !ok {
		return false
	}
	rest = strings.TrimPrefix(strings.TrimPrefix(rest, "-l"), "-i") // as in su-l and sudo-i
	if name, ok := strings.CutPrefix(rest, ":session): session closed for user "); ok {
		m.Login.Action, m.User = fact.Removed, name
		return name != ""
	}
	if program == "sshd" {
		return false
	}
	if name, ok := strings.CutPrefix(rest, ":session): session opened for user "); ok {
		if at := strings.LastIndex(name, " by "); at >= 0 {
			name = name[:at]
		}
		if at := strings.LastIndex(name, "(uid="); at >= 0 {
			name = name[:at]
		}
		m.accepted()
		m.User = name
		return name != ""
	}
	if !strings.HasPrefix(rest, ":auth): authentication failure; ") {
		return false
	}
	m.refused()
	m.Login.Method = "password"
	if at := strings.LastIndex(rest, " user="); at >= 0 {
		m.User = rest[at+len(" user="):]
	}
	return true
}

// peer is who is at the other end, and the key that was shown.
type peer struct {
	ip          string
	port        int64
	fingerprint string
}

// parsePeer reads "ADDRESS port PORT ssh2[: KEY]" to the end of the message.
func parsePeer(s string) (peer, bool) {
	var p peer
	ip, rest, _ := strings.Cut(s, " ")
	head, info, more := strings.Cut(rest, ": ")
	number, ok := strings.CutSuffix(head, " ssh2")
	if !ok {
		return peer{}, false
	}
	var ok1, ok2 bool
	p.ip, ok1 = address(ip)
	p.port, ok2 = port(number)
	if !ok1 || !ok2 {
		return peer{}, false
	}
	if more {
		p.fingerprint, ok = parseInfo(info)
	}
	return p, ok
}

// parseInfo reads what sshd adds of the key: "TYPE FINGERPRINT", with " ID
// NAME (serial N) CA TYPE FINGERPRINT" for a certificate, or with the names of
// the client for a host's key; or one word of another method.
func parseInfo(s string) (fingerprint string, ok bool) {
	kind, rest, more := strings.Cut(s, " ")
	if !more {
		return "", kind != ""
	}
	fingerprint, rest, more = strings.Cut(rest, " ")
	fingerprint = strings.TrimSuffix(fingerprint, ",")
	if !isType(kind) || !isFingerprint(fingerprint) {
		return "", false
	}
	if !more {
		return fingerprint, true
	}
	if strings.HasPrefix(rest, `client user "`) {
		return fingerprint, strings.HasSuffix(rest, `"`)
	}
	at := strings.LastIndex(rest, " (serial ")
	if !strings.HasPrefix(rest, "ID ") || at < 0 {
		return "", false
	}
	serial, ca, ok := strings.Cut(rest[at+len(" (serial "):], ") CA ")
	caKind, caFingerprint, _ := strings.Cut(ca, " ")
	if _, err := strconv.ParseUint(serial, 10, 64); err != nil || !ok || !isType(caKind) || !isFingerprint(caFingerprint) {
		return "", false
	}
	return fingerprint, true
}

func address(s string) (string, bool) {
	ip, err := netip.ParseAddr(s)
	if err != nil {
		return "", s == "UNKNOWN"
	}
	return ip.WithZone("").Unmap().String(), true
}

// port reads "port N".
func port(s string) (int64, bool) {
	n, err := strconv.ParseUint(strings.TrimPrefix(s, "port "), 10, 16)
	return int64(n), err == nil && strings.HasPrefix(s, "port ")
}

// isMethod tells names like keyboard-interactive/pam.
func isMethod(s string) bool { return s != "" && len(s) <= 64 && only(s, "-/.@_0123456789", 'a', 'z') }

// isType tells names like ED25519-CERT.
func isType(s string) bool { return s != "" && len(s) <= 32 && only(s, "-_0123456789", 'A', 'Z') }

func isFingerprint(s string) bool {
	digest, ok := strings.CutPrefix(s, "SHA256:")
	if !ok {
		digest, ok = strings.CutPrefix(s, "MD5:")
	}
	return ok && digest != "" && len(digest) <= 64 && only(strings.ToLower(digest), "+/:0123456789", 'a', 'z')
}

// only tells whether s is made of these letters and others.
func only(s, others string, from, to byte) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < from || c > to) && strings.IndexByte(others, c) < 0 {
			return false
		}
	}
	return true
}
