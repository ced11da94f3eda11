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
		m, ok = parseSSHD(text)
	case "login", "su", "sudo":
	default:
		return Message{}, false
	}
	if !ok {
		m, ok = parsePAM(program, text)
	}
	m.Login.Service = program
	return m, ok
}

// parseSSHD reads what sshd logs, as in its auth.c, auth2.c and packet.c.
func parseSSHD(s string) (Message, bool) {
	s = strings.TrimPrefix(s, "error: ")
	s = strings.TrimSuffix(s, " [preauth]")
	for _, form := range []struct {
		begin string
		parse func(string) (Message, bool)
	}{
		{"Accepted ", func(s string) (Message, bool) { return parseAttempt(s, true) }},
		{"Failed ", func(s string) (Message, bool) { return parseAttempt(s, false) }},
		{"Invalid user ", parseInvalid},
		{"Connection closed by authenticating user ", parseClosed},
		{"Connection reset by authenticating user ", parseClosed},
		{"Disconnected from authenticating user ", parseClosed},
	} {
		if rest, ok := strings.CutPrefix(s, form.begin); ok {
			return form.parse(rest)
		}
	}
	return Message{}, false
}

func refused() Message {
	return Message{Login: fact.Login{Action: fact.Changed, Outcome: "failure"}}
}

func accepted() Message {
	return Message{Login: fact.Login{Action: fact.Added, Outcome: "success"}}
}

// parseAttempt reads "METHOD for [invalid user ]NAME from ADDRESS port PORT
// ssh2[: KEY]".
func parseAttempt(s string, success bool) (Message, bool) {
	m := refused()
	if success {
		m = accepted()
	}
	method, rest, ok := strings.Cut(s, " for ")
	if !ok || !isMethod(method) || method == "none" { // clients ask with none what there is
		return Message{}, false
	}
	m.Login.Method = method
	if name, invalid := strings.CutPrefix(rest, "invalid user "); invalid && !success {
		rest, m.Login.Invalid = name, true
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
		m.Login.SourceIP, m.Login.SourcePort, m.Login.Fingerprint = p.ip, p.port, p.fingerprint
	}
	if found > 1 {
		m.Ambiguous = true
		m.User, m.Login.SourceIP, m.Login.SourcePort, m.Login.Fingerprint = "", "", 0, ""
	}
	return m, found > 0
}

// parseInvalid reads "NAME from ADDRESS[ port PORT]".
func parseInvalid(s string) (Message, bool) {
	at := strings.LastIndex(" "+s, " from ")
	if at < 0 {
		return Message{}, false
	}
	ip, rest, _ := strings.Cut(s[at+len("from "):], " ")
	m := refused()
	m.Login.Invalid = true
	m.User = strings.TrimSuffix(s[:at], " ")
	var ok bool
	if m.Login.SourceIP, ok = address(ip); !ok {
		return Message{}, false
	}
	if rest != "" {
		if m.Login.SourcePort, ok = port(rest); !ok {
			return Message{}, false
		}
	}
	return m, true
}

// parseClosed reads "NAME ADDRESS port PORT".
func parseClosed(s string) (Message, bool) {
	at := strings.LastIndex(s, " port ")
	if at < 0 {
		return Message{}, false
	}
	blank := strings.LastIndexByte(s[:at], ' ')
	if blank < 0 {
		return Message{}, false
	}
	m := refused()
	m.closing = true
	m.User = s[:blank]
	var ok1, ok2 bool
	m.Login.SourceIP, ok1 = address(s[blank+1 : at])
	m.Login.SourcePort, ok2 = port(s[at+1:])
	return m, ok1 && ok2
}

// parsePAM reads what pam_unix(8) says of sessions and refusals.
func parsePAM(program, s string) (Message, bool) {
	rest, ok := strings.CutPrefix(s, "pam_unix("+program)
	if !ok {
		return Message{}, false
	}
	rest = strings.TrimPrefix(strings.TrimPrefix(rest, "-l"), "-i") // as in su-l and sudo-i
	switch {
	case strings.HasPrefix(rest, ":session): session opened for user ") && program != "sshd":
		name := rest[len(":session): session opened for user "):]
		if at := strings.LastIndex(name, " by "); at >= 0 {
			name = name[:at]
		}
		if at := strings.LastIndex(name, "(uid="); at >= 0 {
			name = name[:at]
		}
		m := accepted()
		m.User = name
		return m, name != ""
	case strings.HasPrefix(rest, ":session): session closed for user "):
		m := Message{Login: fact.Login{Action: fact.Removed}, User: rest[len(":session): session closed for user "):]}
		return m, m.User != ""
	case strings.HasPrefix(rest, ":auth): authentication failure; ") && program != "sshd":
		at := strings.LastIndex(rest, " user=")
		m := refused()
		m.Login.Method = "password"
		if at >= 0 {
			m.User = rest[at+len(" user="):]
		}
		return m, true
	}
	return Message{}, false
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
