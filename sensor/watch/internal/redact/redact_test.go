package redact_test

import (
	"bytes"
	"strings"
	"testing"

	"picket.internal/sensor/watch/internal/redact"
)

// line makes arguments of words parted by |.
func line(s string) [][]byte { return bytes.Split([]byte(s), []byte("|")) }

func TestArgs(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		// What is no secret stays.
		{"ls|-la|/etc/passwd", ""},
		{"cp|password|token", ""},
		{"app|--password-file=/etc/x|--token-path|/etc/y", ""},
		{"sh|-c|PWD=/tmp make", ""},
		{"ssh|-p|2222|host", ""},
		{"docker|pull|registry/app:latest", ""},
		{"git|clone|https://example.test/a:b@c", ""},
		{"tool|--max-tokens=5|--tokenizer=x", ""},
		{"mysql|-p|db", ""},
		{"x|AKIA", ""},

		// Names and values.
		{"app|--password=hunter2", "app|--password=[redacted]"},
		{"app|--password=two words", "app|--password=[redacted]"},
		{"app|--password|hunter2|file", "app|--password|[redacted]|file"},
		{"app|-token|abc", "app|-token|[redacted]"},
		{"app|--password|--next", ""},
		{"app|client_secret=abc", "app|client_secret=[redacted]"},
		{"app|apiKey=abc", "app|apiKey=[redacted]"},
		{"app|api-key: abc", "app|api-key: [redacted]"},
		{"kubectl|create|secret|generic|x|--from-literal=password=foo", "kubectl|create|secret|generic|x|--from-literal=password=[redacted]"},
		{"app|DB_PASS=x", "app|DB_PASS=[redacted]"},
		{"app|Server=db;Uid=a;Pwd=b;Port=1", "app|Server=db;Uid=a;Pwd=[redacted];Port=1"},
		{`curl|-d|{"user":"a","password":"b\"c","n":1}`, `curl|-d|{"user":"a","password":[redacted],"n":1}`},
		{"curl|https://x.test/?a=1&access_token=abc&b=2", "curl|https://x.test/?a=1&access_token=[redacted]&b=2"},

		// In a script a secret ends where the shell ends it: what follows is told.
		{"sh|-c|PGPASSWORD=foo psql -h db; rm -rf /", "sh|-c|PGPASSWORD=[redacted] psql -h db; rm -rf /"},
		{"sh|-c|x_token=1;evil", "sh|-c|x_token=[redacted];evil"},
		{"sh|-c|tool --password foo; id", "sh|-c|tool --password [redacted]; id"},
		{"sh|-c|export TOKEN='a b c'; id", "sh|-c|export TOKEN=[redacted]; id"},

		// Headers, URLs, and what tells by its form.
		{"curl|-H|Authorization: Bearer abc def", "curl|-H|Authorization: [redacted]"},
		{"curl|-HX-Api-Key:abc|u", "curl|-HX-Api-Key:[redacted]|u"},
		{"wget|--header=Cookie: a=b; c=d", "wget|--header=Cookie: [redacted]"},
		{"git|clone|https://bob:s3cret@example.test/r.git", "git|clone|https://bob:[redacted]@example.test/r.git"},
		{"psql|postgres://u:p@ss@db/x", "psql|postgres://u:[redacted]@db/x"},
		{"aws|AKIAIOSFODNN7EXAMPLE", "aws|[redacted]"},
		{"x|aws_secret_access_key=wJalrXUtnFEMI/K7MDENG", "x|aws_secret_access_key=[redacted]"},
		{"gh|ghp_0123456789abcdefghijklmnopqrstuvwxyz", "gh|[redacted]"},

		// Programs with flags of their own.
		{"/usr/bin/mysql|-uroot|-phunter2|db", "/usr/bin/mysql|-uroot|-p[redacted]|db"},
		{"sshpass|-p|hunter2|ssh|h", "sshpass|-p|[redacted]|ssh|h"},
		{"curl|-u|bob:pw|u", "curl|-u|[redacted]|u"},
		{"curl|--user|bob:pw|u", "curl|--user|[redacted]|u"},
		{"redis-cli|-a|pw|ping", "redis-cli|-a|[redacted]|ping"},
		{"openssl|enc|-pass|pass:hunter2", "openssl|enc|-pass|[redacted]"},

		{"app|--my-pin=1|pin=2", "app|--my-pin=[redacted]|pin=[redacted]"}, // a word of the configuration
	} {
		s := &redact.Secrets{Words: []string{"pin"}}
		got, found := s.Args(line(c.args))
		want := c.want
		if want == "" {
			want = c.args
		}
		if text := string(bytes.Join(got, []byte("|"))); text != want || found != (c.want != "") {
			t.Errorf("%s\n gives %s, %v\n  want %s", c.args, text, found, want)
		}
	}
	off := redact.Secrets{Off: true}
	if got, found := off.Args(line("app|--password=x")); found || string(got[1]) != "--password=x" {
		t.Errorf("switched off it gives %q", got)
	}
}

// TestInputStays: what is redacted shares nothing that is written to.
func TestInputStays(t *testing.T) {
	args := line("mysql|-phunter2|--password=a|x token=b c")
	before := string(bytes.Join(args, []byte("|")))
	new(redact.Secrets).Args(args)
	if after := string(bytes.Join(args, []byte("|"))); after != before {
		t.Errorf("%q became %q", before, after)
	}
}

// FuzzArgs redacts any command line: nothing panics, what is called unchanged
// is unchanged, nothing grows by more than marks, and redacting again finds
// nothing new to hide behind a mark.
func FuzzArgs(f *testing.F) {
	f.Add("app|--password=hunter2|-H|Authorization: x")
	f.Add(`curl|-u|a:b|{"token":"x\"`)
	f.Add("a|://:@|=|:|--|-")
	f.Fuzz(func(t *testing.T, text string) {
		s := new(redact.Secrets)
		args := line(text)
		got, found := s.Args(args)
		if len(got) != len(args) {
			t.Fatalf("%d arguments became %d", len(args), len(got))
		}
		joined := string(bytes.Join(got, []byte("|")))
		if !found && joined != text {
			t.Fatalf("%q became %q unsaid", text, joined)
		}
		if marks := strings.Count(joined, redact.Mark); len(joined) > len(text)+marks*len(redact.Mark) {
			t.Fatalf("%q grew to %q", text, joined)
		}
	})
}
