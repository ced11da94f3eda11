package wire_test

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"picket.internal/envelope"
	"picket.internal/fact"
	"picket.internal/strictjson"
	"picket.internal/wire"
)

var update = flag.Bool("update", false, "write the examples of docs/formats.md anew")

const formats = "../docs/formats.md"

// exampleKey is one of the page's keys: 32 bytes of n.
func exampleKey(t *testing.T, n byte) envelope.PrivateKey {
	t.Helper()
	der := append([]byte("\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20"), bytes.Repeat([]byte{n}, 32)...)
	key, err := envelope.ParsePrivateKey(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

const (
	exampleHost  = "h_aeaqcaibaeaqcaibaeaqcaibae"
	exampleHub   = "u_aibaeaqcaibaeaqcaibaeaqcai"
	exampleToken = "t_amdamdamdamdamdamdamdamdam"
)

// examples makes every example of the page.
func examples(t *testing.T) map[string]string {
	t.Helper()
	host, online, tls := exampleKey(t, 1), exampleKey(t, 2), exampleKey(t, 3)
	secret := base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{4}, 32))
	pins := []wire.Pin{pinOf(t, tls)}

	b := &wire.Batch{
		Host:    exampleHost,
		Hub:     exampleHub,
		Boot:    "3f1f7a52-6f0e-4d0b-9c7e-0d8f5a1b2c3d",
		Session: "00112233445566778899aabbccddeeff",
		Seq:     1,
		Prev:    wire.FirstPrev,
		Sent:    sent,
		Sensor:  wire.SensorInfo{Version: "0.1.0"},
		Dropped: wire.Dropped{Metric: 17},
		Facts:   []jsontext.Value{exampleFact(t)},
	}
	sealed, digest, err := wire.Seal(b, host)
	check(t, err)
	ack := &wire.Ack{Hub: exampleHub, Host: exampleHost, Session: b.Session, Seq: 1, Digest: digest, At: sent}
	sealedAck, err := wire.SealAck(ack, online)
	check(t, err)
	request := newRequest()
	request.Token, request.Secret = exampleToken, secret
	sealedRequest, err := wire.SealEnroll(request, host)
	check(t, err)
	reply, err := (&wire.EnrollReply{Host: exampleHost, Hub: exampleHub, HubKey: online.Public(), Pins: pins, State: wire.StateEnrolled}).Encode()
	check(t, err)
	token := &wire.Token{Address: "hub.example.org:7443", Hub: exampleHub, ID: exampleToken, Pins: pins, Secret: secret}
	access := &wire.AccessToken{Address: token.Address, ID: exampleToken, Pins: pins, Secret: secret}
	keys := map[string]any{
		"host key":       host.Public(),
		"hub online key": online.Public(),
		"hub TLS key":    tls.Public(),
		"hub TLS pin":    pins[0],
		"host key id":    host.Public().ID(),
	}
	return map[string]string{
		"keys":            strings.ReplaceAll(encode(t, keys), `",`, "\",\n "),
		"batch":           payload(t, sealed),
		"batch envelope":  string(sealed),
		"batch digest":    digest,
		"ack":             payload(t, sealedAck),
		"ack envelope":    string(sealedAck),
		"enroll":          payload(t, sealedRequest),
		"enroll envelope": string(sealedRequest),
		"enroll reply":    string(reply),
		"token":           token.String(),
		"token content":   encode(t, token),
		"access token":    access.String(),
		"problem":         encode(t, wire.Problem{ID: "batch.fork", Detail: "seq 9 of this session is another batch"}),
	}
}

func exampleFact(t *testing.T) jsontext.Value {
	t.Helper()
	f := &fact.Fact{
		ID:      "01K3Z9V6W4Q2N8T1XEJ5B7RMCD",
		Time:    sent,
		Kind:    fact.KindCanary,
		Host:    fact.Host{ID: exampleHost},
		Seq:     1,
		Canary:  &fact.Canary{Action: fact.CanaryRead, ID: "aws", Path: "/root/.aws/credentials", Attribution: fact.AttributionProc},
		Process: &fact.Process{PID: 4211, StartTicks: 918273, Executable: "/usr/bin/cat"},
	}
	raw, err := f.Encode()
	check(t, err)
	return raw
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func encode(t *testing.T, v any) string {
	t.Helper()
	data, err := strictjson.Encode(whole(v))
	check(t, err)
	return string(data)
}

// payload takes the payload out of an envelope, without verifying anything.
func payload(t *testing.T, sealed []byte) string {
	t.Helper()
	_, rest, _ := strings.Cut(string(sealed), `"payload":"`)
	encoded, _, _ := strings.Cut(rest, `"`)
	raw, err := base64.StdEncoding.DecodeString(encoded)
	check(t, err)
	return string(raw)
}

var exampleBlock = regexp.MustCompile("(?s)<!-- example: ([a-z ]+) -->\n```(?:json)?\n(.*?)```\n")

// The page's examples are what the code makes, and every one is there.
func TestFormatsExamples(t *testing.T) {
	page, err := os.ReadFile(formats)
	check(t, err)
	want := examples(t)
	if *update {
		page = exampleBlock.ReplaceAllFunc(page, func(block []byte) []byte {
			m := exampleBlock.FindSubmatchIndex(block)
			return []byte(string(block[:m[4]]) + want[string(block[m[2]:m[3]])] + "\n```\n")
		})
		check(t, os.WriteFile(formats, page, 0o644))
	}
	seen := map[string]string{}
	for _, m := range exampleBlock.FindAllStringSubmatch(string(page), -1) {
		seen[m[1]] = strings.TrimSuffix(m[2], "\n")
	}
	for name, example := range want {
		if seen[name] != example {
			t.Errorf("example %q is %q, want %q: run go test ./wire -run Formats -update", name, seen[name], example)
		}
	}
	if len(seen) != len(want) {
		t.Errorf("%d examples on the page, %d known", len(seen), len(want))
	}
	verifyExamples(t, seen)
}

// verifyExamples reads the page as another implementation would: its keys, and
// what they signed.
func verifyExamples(t *testing.T, page map[string]string) {
	t.Helper()
	var keys struct {
		Host   envelope.PublicKey `json:"host key"`
		HostID string             `json:"host key id"`
		Online envelope.PublicKey `json:"hub online key"`
		TLS    envelope.PublicKey `json:"hub TLS key"`
		Pin    wire.Pin           `json:"hub TLS pin"`
	}
	check(t, strictjson.Decode([]byte(page["keys"]), strictjson.Limits{}, &keys, nil))
	o, err := wire.Open([]byte(page["batch envelope"]), keys.Host)
	check(t, err)
	if string(o.Payload) != page["batch"] || o.Digest != page["batch digest"] {
		t.Error("the batch is another")
	}
	if f, unknown, err := fact.Parse(o.Facts[0]); err != nil || unknown != nil || f.Validate() != nil {
		t.Errorf("the batch's fact: %q, %v, %v", unknown, err, f.Validate())
	}
	ack, err := wire.OpenAck([]byte(page["ack envelope"]), keys.Online)
	check(t, err)
	check(t, ack.Confirms(&o.Batch, o.Digest))
	if _, err := wire.OpenEnroll([]byte(page["enroll envelope"]), keys.Host); err != nil {
		t.Error(err)
	}
	reply, err := wire.ParseEnrollReply([]byte(page["enroll reply"]))
	check(t, err)
	token, err := wire.ParseToken(page["token"])
	check(t, err)
	if _, err := wire.ParseAccessToken(page["access token"]); err != nil {
		t.Error(err)
	}
	pin, err := wire.PinOf(keys.TLS)
	if err != nil || pin != keys.Pin || reply.Pins[0] != pin || token.Pins[0] != pin || keys.Host.ID() != keys.HostID {
		t.Errorf("pins and ids do not fit the keys: %v", err)
	}
	if _, err := wire.ParseProblem([]byte(page["problem"])); err != nil {
		t.Error(err)
	}
}

// Every error id in the code of the formats and of the hub's refusals is
// explained on the page, once, and no other.
func TestFormatsErrorIDs(t *testing.T) {
	page, err := os.ReadFile(formats)
	check(t, err)
	// What the wrapper adds is held to its own source, where that is.
	before, rest, begins := strings.Cut(string(page), "\n### The wrapper\n")
	_, after, ends := strings.Cut(rest, "\n### ")
	if !begins || !ends {
		t.Fatal("the page has no section of the wrapper's ids, or nothing behind it")
	}
	page = []byte(before + after)
	declared := regexp.MustCompile(`(?:&(?:Error|Fault|Refusal)\{ID: |errors\.New\()"([a-z]+\.[a-z0-9_]+)"`)
	found := map[string]bool{}
	for _, folder := range []string{"../strictjson", "../envelope", "../fact", "../eat", ".", "../hub/internal/fault"} {
		paths, err := filepath.Glob(folder + "/*.go")
		check(t, err)
		for _, path := range paths {
			source, err := os.ReadFile(path)
			check(t, err)
			for _, m := range declared.FindAllStringSubmatch(string(source), -1) {
				found[m[1]] = true
				if n := strings.Count(string(page), "| `"+m[1]+"` |"); n != 1 {
					t.Errorf("%s declares %s, which the page explains %d times", path, m[1], n)
				}
			}
		}
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z]+\\.[a-z0-9_]+)` \\|").FindAllStringSubmatch(string(page), -1) {
		if !found[m[1]] {
			t.Errorf("the page explains %s, which nothing declares", m[1])
		}
	}
}
