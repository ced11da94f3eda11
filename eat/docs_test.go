package eat_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"picket.internal/eat"
	"picket.internal/eat/eattest"
	"picket.internal/envelope"
)

var update = flag.Bool("update", false, "write testdata and the examples of docs/formats.md anew")

const formats = "../docs/formats.md"

// examples are the documents of the page and of testdata, by file name.
func examples(t *testing.T) map[string]string {
	t.Helper()
	s := newScene(t)
	s.signed(s.token.Args)
	payload, err := s.token.Encode()
	must(t, err)
	delivery := s.deliver()
	d, err := eat.ParseDelivery(delivery)
	must(t, err)
	sealed, digest, err := eat.SealReceipt(receiptFor(payload, d, s.in.Trust.Log), eattest.WrapperKey)
	must(t, err)
	r, _, err := eat.OpenReceipt(sealed, eattest.WrapperKey.Public())
	must(t, err)
	receipt, err := r.Encode()
	must(t, err)
	trust, err := s.in.Trust.Encode()
	must(t, err)
	small := eat.HostPolicy{
		V: 1, Open: s.in.Policy.Open,
		Actions: map[string]eat.ActionRule{
			eat.ActionNoop:           {Rate: 60},
			eat.ActionSuspendProcess: {MaxLifetime: 3600},
			eat.ActionIsolateNetwork: {MaxLifetime: 86400, Rate: 2, Signatures: []eat.Signatures{{Need: 1}, {Label: "role=db", Need: 2, Of: []string{"alice", "bob", "carol"}}}},
		},
		Protected: eat.Protected{
			Executables: []string{"/usr/sbin/sshd", "/usr/bin/picket-sensor"}, Users: []string{"root"}, SSHKeys: []string{fingerprint},
			Paths: []string{"/boot", "/etc/passwd"}, Services: []string{"ssh.service"},
		},
		EvidencePaths: []string{"/tmp", "/var/www"},
	}
	policy, err := small.Encode()
	must(t, err)
	full, err := s.in.Policy.Encode()
	must(t, err)
	entry, err := eat.Entry{Type: eat.EntryToken, ID: s.token.ID, SHA256: sum(payload)}.Encode()
	must(t, err)
	return map[string]string{
		"token.json":            string(payload),
		"token-sha256.txt":      sum(payload),
		"delivery.json":         string(delivery),
		"checkpoint.txt":        string(d.Checkpoint),
		"log-entry.json":        string(entry),
		"receipt.json":          string(receipt),
		"receipt-envelope.json": string(sealed),
		"receipt-sha256.txt":    digest,
		"trust.json":            string(trust),
		"host-policy.json":      string(policy),
		"default-policy.json":   string(full),
		"words.txt":             strings.Join(allWords(), "\n"),
	}
}

func sum(payload []byte) string { return digest(payload) }

func receiptFor(payload []byte, d eat.Delivery, log string) eat.Receipt {
	r := newReceipt()
	r.TokenSHA256 = digest(payload)
	r.Saw(d.Index+1, string(d.Checkpoint), log)
	return r
}

func allWords() []string {
	var lines []string
	for _, args := range validArgs {
		lines = append(lines, "# "+args.Action())
		lines = append(lines, eat.Words(eattest.Token(args))...)
		lines = append(lines, "")
	}
	byHand := eattest.Token(eat.EnableUser{Name: "mallory"})
	byHand.Boot, byHand.Policy, byHand.Reason = "", "", "he said \"sorry\", and \u202eevil\u202c"
	return append(append(lines, "# by a person, with a reason that would turn the line around"), eat.Words(byHand)...)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// What the documents look like is promised, byte for byte.
func TestGolden(t *testing.T) {
	want := examples(t)
	for name, example := range want {
		path := filepath.Join("testdata", name)
		example = strings.TrimSuffix(example, "\n") + "\n"
		if *update {
			must(t, os.MkdirAll("testdata", 0o755))
			must(t, os.WriteFile(path, []byte(example), 0o644))
		}
		got, err := os.ReadFile(path)
		must(t, err)
		if string(got) != example {
			t.Errorf("%s is %s, want %s: run go test ./eat -update and read the difference", path, got, example)
		}
	}
	files, err := filepath.Glob("testdata/*.*")
	must(t, err)
	if len(files) != len(want) {
		t.Errorf("%d files in testdata, %d known", len(files), len(want))
	}
}

var exampleBlock = regexp.MustCompile("(?s)<!-- eat example: ([a-z0-9.-]+) -->\n```[a-z]*\n(.*?)\n```\n")

// The page's examples are what the code makes, and can be verified from the page.
func TestFormatsExamples(t *testing.T) {
	page, err := os.ReadFile(formats)
	must(t, err)
	want := examples(t)
	if *update {
		page = exampleBlock.ReplaceAllFunc(page, func(block []byte) []byte {
			m := exampleBlock.FindSubmatchIndex(block)
			example := strings.TrimSuffix(want[string(block[m[2]:m[3]])], "\n")
			return []byte(string(block[:m[4]]) + example + "\n```\n")
		})
		must(t, os.WriteFile(formats, page, 0o644))
	}
	seen := map[string]string{}
	for _, m := range exampleBlock.FindAllStringSubmatch(string(page), -1) {
		seen[m[1]] = m[2]
		if m[2] != strings.TrimSuffix(want[m[1]], "\n") {
			t.Errorf("example %s is %q, want %q: run go test ./eat -update", m[1], m[2], want[m[1]])
		}
	}
	for _, name := range []string{"token.json", "delivery.json", "checkpoint.txt", "log-entry.json", "receipt.json", "receipt-envelope.json", "trust.json", "host-policy.json"} {
		if seen[name] == "" {
			t.Errorf("the page has no example %s", name)
		}
	}
	verifyPage(t, seen)
}

// verifyPage reads the page as another implementation would.
func verifyPage(t *testing.T, page map[string]string) {
	t.Helper()
	s := newScene(t)
	trust, err := eat.ParseTrust([]byte(page["trust.json"]))
	must(t, err)
	policy, err := eat.ParsePolicy([]byte(page["host-policy.json"]))
	must(t, err)
	s.in.Trust, s.in.Policy = trust, policy
	v, refusal := eat.Verify([]byte(page["delivery.json"]), s.in)
	if refusal != nil {
		t.Fatal(refusal)
	}
	if payload, _ := v.Token().Encode(); string(payload) != page["token.json"] || strings.Join(v.Operators(), ",") != "alice" {
		t.Errorf("the token is %s, of %v", payload, v.Operators())
	}
	if note, _ := v.Checkpoint(); strings.TrimSuffix(string(note), "\n") != page["checkpoint.txt"] {
		t.Errorf("the checkpoint is %s", note)
	}
	r, _, err := eat.OpenReceipt([]byte(page["receipt-envelope.json"]), eattest.WrapperKey.Public())
	must(t, err)
	if r.TokenSHA256 != v.SHA256() {
		t.Errorf("the receipt is of %s", r.TokenSHA256)
	}
	if _, note, err := r.Seen(trust.Log); err != nil || strings.TrimSuffix(string(note), "\n") != page["checkpoint.txt"] {
		t.Errorf("the receipt has seen %q, %v", note, err)
	}
}

// The page has a row for every action, with what the table in the code says.
func TestFormatsActions(t *testing.T) {
	page, err := os.ReadFile(formats)
	must(t, err)
	yes := map[bool]string{true: "yes", false: "no"}
	for _, a := range eat.Actions() {
		opposite := "none"
		if a.Opposite != "" {
			opposite = "`" + a.Opposite + "`"
		}
		row := regexp.MustCompile("(?m)^\\| `" + a.Name + "` \\| .* \\| " + yes[a.Contains] + " \\| " + opposite + " \\| " + yes[a.NeedsBoot] + " \\|$")
		if n := len(row.FindAll(page, -1)); n != 1 {
			t.Errorf("the page has %d rows like %s", n, row)
		}
	}
}

// The page names every member of every document.
func TestFormatsMembers(t *testing.T) {
	page, err := os.ReadFile(formats)
	must(t, err)
	for _, name := range []string{"token.json", "receipt.json", "trust.json", "default-policy.json", "host-policy.json", "delivery.json"} {
		var members map[string]any
		must(t, json.Unmarshal([]byte(examples(t)[name]), &members))
		for member := range members {
			if !bytes.Contains(page, []byte("`"+member+"`")) {
				t.Errorf("%s has a member %q, which the page does not name", name, member)
			}
		}
	}
}

// Words are plain ASCII lines, whatever a hub or a host wrote into the token.
func TestWordsAreEscaped(t *testing.T) {
	evil := "x\u202e\u0430" // turns the line around; a Cyrillic letter that looks Latin
	token := eattest.Token(eat.QuarantineFile{Path: eat.PathOf("/tmp/" + evil + "\n\x1b[2J\xff"), SHA256: hash, Lifetime: 60})
	token.Reason = evil
	for _, line := range append(eat.Words(token), allWords()...) {
		for _, c := range []byte(line) {
			if c < ' ' || c > '~' {
				t.Fatalf("%q", line)
			}
		}
	}
	if text := strings.Join(eat.Words(token), "\n"); !strings.Contains(text, `"/tmp/x\u202e\u0430\n\x1b[2J\xff"`) {
		t.Error(text)
	}
}

// The words say all that is signed: tokens that differ have different words.
func TestWordsTellTokensApart(t *testing.T) {
	seen := map[string]string{}
	note := func(what string, token eat.Token) {
		text := strings.Join(eat.Words(token), "\n")
		if before, twice := seen[text]; twice {
			t.Errorf("%s and %s read alike", what, before)
		}
		seen[text] = what
	}
	for _, args := range validArgs {
		note(args.Action(), eattest.Token(args))
	}
	for what, args := range map[string]eat.Args{
		"one process":   eat.KillProcess{Process: process()},
		"other inode":   eat.QuarantineFile{Path: eat.PathOf("/var/www/html/caf\xe9.php"), SHA256: hash, Lifetime: 86400},
		"keeps session": eat.DisableUser{Name: "mallory", Lifetime: 3600},
		"all users":     eat.RevokeSSHKey{Fingerprint: fingerprint, Lifetime: 3600},
		"less evidence": eat.CollectEvidence{What: []string{"logins"}, MaxBytes: 1 << 20, MaxSeconds: 30},
		"longer":        eat.StopService{Unit: "cron.service", Lifetime: 3601},
		"allows none":   eat.IsolateNetwork{Lifetime: 3600},
	} {
		note(what, eattest.Token(args))
	}
	for what, change := range map[string]func(*eat.Token){
		"id":         func(t *eat.Token) { t.ID = earlierToken },
		"hub":        func(t *eat.Token) { t.Hub = "u_eaqcaibaeaqcaibaeaqcaibaea" },
		"host":       func(t *eat.Token) { t.Host = "h_aibaeaqcaibaeaqcaibaeaqcai" },
		"boot":       func(t *eat.Token) { t.Boot = "" },
		"reason":     func(t *eat.Token) { t.Reason = "b" },
		"issued":     func(t *eat.Token) { t.Issued = t.Issued.Add(-1e9) },
		"not_before": func(t *eat.Token) { t.NotBefore = t.NotBefore.Add(1e9) },
		"expires":    func(t *eat.Token) { t.Expires = t.Expires.Add(1) },
		"counter":    func(t *eat.Token) { t.Counter = 2 },
		"policy":     func(t *eat.Token) { t.Policy = "" },
	} {
		token := eattest.Token(eat.Noop{})
		change(&token)
		note(what, token)
	}
}

func TestApproveSignsWhatIsShown(t *testing.T) {
	sealed, err := eat.Sign(eattest.Token(eat.Noop{}), eattest.HubKey)
	must(t, err)
	o, err := eat.Open(sealed, eattest.HubKey.Public())
	must(t, err)
	if want := envelope.Message(envelope.EAT, o.Payload); !bytes.Equal(o.Message(), want) || !bytes.HasPrefix(want, []byte("DSSEv1 34 application/vnd.picket.eat.v1+json ")) {
		t.Errorf("%q", want)
	}
}
