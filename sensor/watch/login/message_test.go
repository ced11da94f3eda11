package login_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"picket.internal/fact"
	"picket.internal/sensor/watch/login"
)

const print = "SHA256:lBbfgNpZw+1C1ceeHz4jCd0E4cRWYdR7K0frBT3v+f4"

func TestMessages(t *testing.T) {
	refused := func(l fact.Login) fact.Login {
		l.Action, l.Outcome = fact.Changed, "failure"
		return l
	}
	accepted := func(l fact.Login) fact.Login {
		l.Action, l.Outcome = fact.Added, "success"
		return l
	}
	for _, test := range []struct {
		program, text, user string
		want                fact.Login
	}{
		{"sshd", "Accepted publickey for alice from 10.0.4.7 port 51234 ssh2: ED25519 " + print, "alice",
			accepted(fact.Login{Method: "publickey", SourceIP: "10.0.4.7", SourcePort: 51234, Fingerprint: print})},
		{"sshd-session", "Accepted password for alice from fe80::1%eth0 port 51234 ssh2", "alice",
			accepted(fact.Login{Method: "password", SourceIP: "fe80::1", SourcePort: 51234})},
		{"sshd", "Accepted keyboard-interactive/pam for bob from ::ffff:10.1.1.1 port 1 ssh2", "bob",
			accepted(fact.Login{Method: "keyboard-interactive/pam", SourceIP: "10.1.1.1", SourcePort: 1})},
		{"sshd", "Accepted gssapi-with-mic for bob from 10.1.1.1 port 1 ssh2: bob@EXAMPLE.COM", "bob",
			accepted(fact.Login{Method: "gssapi-with-mic", SourceIP: "10.1.1.1", SourcePort: 1})},
		{"sshd", `Accepted hostbased for bob from 10.1.1.1 port 1 ssh2: RSA ` + print + `, client user "bob", client host "a.example"`, "bob",
			accepted(fact.Login{Method: "hostbased", SourceIP: "10.1.1.1", SourcePort: 1, Fingerprint: print})},
		{"sshd", "Accepted publickey for alice from 10.1.1.1 port 1 ssh2: RSA-CERT " + print + " ID alice (serial 7) CA ED25519 " + print, "alice",
			accepted(fact.Login{Method: "publickey", SourceIP: "10.1.1.1", SourcePort: 1, Fingerprint: print})},
		{"sshd", "Failed password for root from 10.1.1.1 port 65535 ssh2", "root",
			refused(fact.Login{Method: "password", SourceIP: "10.1.1.1", SourcePort: 65535})},
		{"sshd", "Failed publickey for invalid user x from 10.1.1.1 port 2 ssh2: RSA " + print, "x",
			refused(fact.Login{Method: "publickey", SourceIP: "10.1.1.1", SourcePort: 2, Fingerprint: print, Invalid: true})},
		{"sshd", "Failed password for root from UNKNOWN port 65535 ssh2", "root",
			refused(fact.Login{Method: "password", SourcePort: 65535})},
		{"sshd", "Invalid user admin from 10.1.1.1 port 2", "admin",
			refused(fact.Login{SourceIP: "10.1.1.1", SourcePort: 2, Invalid: true})},
		{"sshd", "Invalid user  from 10.1.1.1", "",
			refused(fact.Login{SourceIP: "10.1.1.1", Invalid: true})},
		{"sshd", "Connection closed by authenticating user bob 127.0.0.1 port 43416 [preauth]", "bob",
			refused(fact.Login{SourceIP: "127.0.0.1", SourcePort: 43416})},
		{"sshd", "Disconnected from authenticating user root ::1 port 4 [preauth]", "root",
			refused(fact.Login{SourceIP: "::1", SourcePort: 4})},
		{"sshd", "pam_unix(sshd:session): session closed for user alice", "alice", fact.Login{Action: fact.Removed}},
		{"su", "pam_unix(su-l:session): session opened for user root(uid=0) by alice(uid=1000)", "root", accepted(fact.Login{})},
		{"sudo", "pam_unix(sudo:session): session opened for user root by (uid=0)", "root", accepted(fact.Login{})},
		{"login", "pam_unix(login:session): session closed for user bob", "bob", fact.Login{Action: fact.Removed}},
		{"sudo", "pam_unix(sudo:auth): authentication failure; logname= uid=1001 euid=0 tty=/dev/pts/0 ruser=bob rhost=  user=bob", "bob",
			refused(fact.Login{Method: "password"})},
	} {
		m, ok := login.ParseMessage(test.program, test.text)
		if !ok {
			t.Errorf("%q says nothing", test.text)
			continue
		}
		test.want.Service, _, _ = strings.Cut(test.program, "-")
		if diff := cmp.Diff(test.want, m.Login); diff != "" || m.User != test.user || m.Ambiguous {
			t.Errorf("%q: user %q, want %q, ambiguous %v (-want +got):\n%s", test.text, m.User, test.user, m.Ambiguous, diff)
		}
	}
}

func TestOtherMessages(t *testing.T) {
	for program, texts := range map[string][]string{
		"sshd": {
			"", "Server listening on 0.0.0.0 port 22.", "Connection closed by 10.1.1.1 port 22 [preauth]",
			"Failed none for invalid user x from 10.1.1.1 port 1 ssh2", "Postponed publickey for a from 10.1.1.1 port 1 ssh2",
			"Accepted password for alice from 10.1.1.1 port 70000 ssh2", "Accepted password for alice from somewhere port 1 ssh2",
			"Accepted password for alice", "Invalid user x", "Invalid user x from host", "Invalid user x from 1.1.1.1 port x",
			"Connection closed by invalid user x 1.1.1.1 port 2 [preauth]",
			"pam_unix(sshd:session): session opened for user alice(uid=1000) by (uid=0)", "pam_unix(sudo:session): session closed for user alice",
		},
		"cron": {"Accepted password for alice from 10.1.1.1 port 1 ssh2"},
		"sudo": {"Accepted password for alice from 10.1.1.1 port 1 ssh2", "bob : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/usr/bin/id"},
	} {
		for _, text := range texts {
			if m, ok := login.ParseMessage(program, text); ok {
				t.Errorf("%s: %q says %+v", program, text, m)
			}
		}
	}
}

// TestForgedNames holds names against the parser that read like the rest of a
// message. The address is always sshd's, or none.
func TestForgedNames(t *testing.T) {
	cert := "RSA-CERT " + print + " ID x (serial 0) CA RSA " + print
	for _, name := range []string{
		"root from 6.6.6.6 port 22 ssh2",
		"root from 6.6.6.6 port 22 ssh2: RSA " + print,
		"root from 6.6.6.6 port 22",
		"root 6.6.6.6 port 22",
		" from 6.6.6.6",
		"x from 6.6.6.6 port 22 ssh2: " + cert,
		"x from 6.6.6.6 port 22 ssh2: RSA-CERT " + print + " ID y",
		"x from 6.6.6.6 port 22 ssh2: RSA " + print + `, client user "`,
		"invalid user y",
		strings.Repeat("a from 6.6.6.6 port 22 ssh2 ", 300),
	} {
		for _, tail := range []string{" ssh2", " ssh2: RSA " + print, " ssh2: " + cert} {
			text := "Failed password for invalid user " + name + " from 10.9.9.9 port 5" + tail
			m, ok := login.ParseMessage("sshd", text)
			switch {
			case !ok:
				t.Errorf("%q says nothing", text)
			case m.Ambiguous && (m.Login.SourceIP != "" || m.User != "" || m.Login.Fingerprint != ""):
				t.Errorf("%q can be read in two ways and still says %+v", text, m)
			case !m.Ambiguous && (m.Login.SourceIP != "10.9.9.9" || m.User != name):
				t.Errorf("%q is taken for %+v", text, m)
			}
		}
		text := "Invalid user " + name + " from 10.9.9.9 port 5"
		if m, ok := login.ParseMessage("sshd", text); !ok || m.Login.SourceIP != "10.9.9.9" || m.User != strings.TrimSuffix(name, " ") && m.User != name {
			t.Errorf("%q is taken for %+v", text, m)
		}
	}
	// The maker of a certificate names it, and a client may show one that
	// nobody trusts.
	for id, want := range map[string]string{
		"z from 6.6.6.6 port 22 ssh2":                                "10.9.9.9",
		"z from 6.6.6.6 port 22 ssh2: RSA " + print:                  "10.9.9.9",
		"z from 6.6.6.6 port 22 ssh2: RSA-CERT " + print + " ID y":   "",
		"z (serial 0) CA RSA " + print + " from 6.6.6.6 port 2 ssh2": "10.9.9.9",
	} {
		text := "Failed publickey for alice from 10.9.9.9 port 5 ssh2: RSA-CERT " + print + " ID " + id + " (serial 0) CA RSA " + print
		if m, ok := login.ParseMessage("sshd", text); !ok || m.Login.SourceIP != want || m.Ambiguous != (want == "") {
			t.Errorf("%q is taken for %+v", text, m)
		}
	}
}

func TestLines(t *testing.T) {
	for text, want := range map[string]login.Line{
		"Nov 26 11:15:12 vm sshd[128]: Invalid user":                     {Program: "sshd", PID: 128, Message: "Invalid user"},
		"Nov  6 11:15:12 vm su: (to bob)":                                {Program: "su", Message: "(to bob)"},
		"2026-11-26T11:15:12.123456+00:00 vm sshd-session[1]: a: b":      {Program: "sshd-session", PID: 1, Message: "a: b"},
		"2026-11-26T11:15:12Z vm sudo: pam":                              {Program: "sudo", Message: "pam"},
		"Nov 26 11:15:12 alpine auth.info sshd[128]: Accepted publickey": {Program: "sshd", PID: 128, Message: "Accepted publickey"},
	} {
		if got, ok := login.ParseLine(text); !ok || got != want {
			t.Errorf("%q is %+v, %v", text, got, ok)
		}
	}
	for _, text := range []string{
		"", "sshd[1]: Accepted", "Nov 26 11:15:12", "Nov 26 11:15:12 vm", "Nov 26 11:15:12 vm sshd", "Nov 26 11:15:12 vm sshd[x]: y",
		"Nov 26 11:15:12 vm sshd[1: y", "Xyz 26 11:15:12 vm sshd[1]: y", "Nov 26 11:15:12 vm : y", "Nov 26 11:15:12  sshd[1]: y",
	} {
		if got, ok := login.ParseLine(text); ok {
			t.Errorf("%q is %+v", text, got)
		}
	}
}

// FuzzLogLine reads a line of a log. What is taken for a login has a name and
// a method that stand in the line; what can be read in two ways has neither
// name nor address.
func FuzzLogLine(f *testing.F) {
	f.Add("Nov 26 11:15:12 vm sshd[128]: Failed password for invalid user x from 6.6.6.6 port 2 ssh2 from 1.2.3.4 port 5 ssh2: RSA " + print)
	f.Add("2026-11-26T11:15:12Z vm sudo[1]: pam_unix(sudo:session): session opened for user root(uid=0) by (uid=1)")
	f.Add("Nov 26 11:15:12 vm sshd[128]: Connection closed by authenticating user bob 127.0.0.1 port 43416 [preauth]")
	f.Add("Nov 26 11:15:12 vm sshd[128]: Invalid user \xff\x1b[0m from ::1 port 1")
	f.Fuzz(func(t *testing.T, s string) {
		l, ok := login.ParseLine(s)
		if !ok {
			if l != (login.Line{}) {
				t.Fatalf("%q is refused and gives %+v", s, l)
			}
			l = login.Line{Program: "sshd", Message: s}
		}
		m, ok := login.ParseMessage(l.Program, l.Message)
		if !ok {
			return
		}
		if m.Login.Action == "" || m.Login.Service == "" || !strings.Contains(l.Message, m.User) || !strings.Contains(l.Message, m.Login.Method) {
			t.Fatalf("%q is %+v", s, m)
		}
		if m.Ambiguous && (m.Login.SourceIP != "" || m.User != "") {
			t.Fatalf("%q can be read in two ways and is %+v", s, m)
		}
		if m.Login.SourcePort < 0 || m.Login.SourcePort > 65535 {
			t.Fatalf("%q comes from port %d", s, m.Login.SourcePort)
		}
	})
}
