//go:build linux

package gate

import (
	"bytes"
	"crypto/ecdh"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"picket.internal/eat"
	"picket.internal/eat/eattest"
	"picket.internal/eat/sealing"
)

// evidenceKey has the host seal evidence to a key of the test's.
func (s *site) evidenceKey(t testing.TB) *ecdh.PrivateKey {
	t.Helper()
	key, err := ecdh.X25519().NewPrivateKey(bytes.Repeat([]byte{7}, 32))
	must(t, err)
	trust := eattest.Trust(t)
	trust.EvidenceKey = key.PublicKey().Bytes()
	s.write(t, trustFile, trust)
	return key
}

// printed runs an order and returns what came of it: receipts, and after them chunks.
func (s *site) printed(t testing.TB, order []byte) (receipts []*eat.Receipt, chunks []*eat.Chunk) {
	t.Helper()
	var out bytes.Buffer
	must(t, Run(s.config(), stdin(t, order), &out))
	at := bytes.Index(out.Bytes(), []byte(`{"chunk":`))
	if at < 0 {
		at = out.Len()
	}
	for line := range bytes.Lines(out.Bytes()[at:]) {
		c, err := eat.ParseChunk(bytes.TrimSuffix(line, []byte("\n")))
		must(t, err)
		chunks = append(chunks, c)
	}
	s.noteSeen(t)
	return s.receipts(t, out.Bytes()[:at]), chunks
}

// opened is the bundle that chunks from number on are the rest of.
func opened(t testing.TB, chunks []*eat.Chunk, number int64, token string, key *ecdh.PrivateKey) (all []byte) {
	t.Helper()
	for i, c := range chunks {
		if c.Number != number+int64(i) || c.Last != (i == len(chunks)-1) || c.Token != token || c.Host != eattest.HostID {
			t.Fatalf("chunk %d of %d is number %d, last %v, of %s on %s", i, len(chunks), c.Number, c.Last, c.Token, c.Host)
		}
		data, err := sealing.Open(c, key)
		must(t, err)
		all = append(all, data...)
	}
	return all
}

// TestEvidenceIsHandedOver: the bundle follows the receipts in chunks that only
// the hub can read, and together they are what the receipt says; asked for again
// they come again, from where it is asked.
func TestEvidenceIsHandedOver(t *testing.T) {
	s := newSite(t)
	key := s.evidenceKey(t)
	must(t, os.Mkdir(filepath.Join(s.root, "tmp"), 0o755))
	must(t, os.WriteFile(filepath.Join(s.root, "tmp/note"), bytes.Repeat([]byte("ransom"), 100_000), 0o600))
	token := s.token(t, eat.CollectEvidence{What: []string{"files"}, Files: []eat.Path{eat.PathOf("/tmp/note")}, MaxBytes: 8 << 20, MaxSeconds: 20})
	receipts, chunks := s.printed(t, s.deliver(t, token))
	r := receipts[len(receipts)-1]
	all := opened(t, chunks, 0, token.ID, key)
	bundle := filepath.Join(s.root, "var/lib/picket-wrapper/evidence", token.ID)
	disk, err := os.ReadFile(bundle)
	must(t, err)
	if !bytes.Equal(all, disk) || r.Effect["sha256"] != digest(bundle, 1<<30) || r.Effect["chunks"] != "7" || len(chunks) != 7 {
		t.Fatalf("%d bytes in %d chunks, %d on the disk: %+v", len(all), len(chunks), len(disk), r)
	}

	again := s.token(t, eat.CollectEvidence{Again: token.ID, From: 5})
	receipts, chunks = s.printed(t, s.deliver(t, again))
	r = receipts[len(receipts)-1]
	if rest := opened(t, chunks, 5, token.ID, key); !bytes.Equal(rest, disk[5*eat.ChunkBytes:]) || r.Token != again.ID || r.Effect["id"] != token.ID || r.Effect["chunks"] != "7" {
		t.Errorf("again there are %d bytes: %+v", len(rest), r)
	}
	if _, chunks := s.printed(t, s.deliver(t, s.token(t, eat.Noop{}))); len(chunks) != 0 {
		t.Errorf("%d chunks that nobody asked for", len(chunks))
	}
	must(t, os.Remove(bundle))
	receipts, chunks = s.printed(t, s.deliver(t, s.token(t, eat.CollectEvidence{Again: token.ID})))
	if r := receipts[len(receipts)-1]; r.Outcome != eat.OutcomeRefused || r.Refusal != "evidence.gone" || len(chunks) != 0 {
		t.Errorf("what is gone: %d chunks, %+v", len(chunks), r)
	}
}

// TestEvidenceHoldsNobodyUp: whoever does not read the chunks keeps no other
// wrapper from acting.
func TestEvidenceHoldsNobodyUp(t *testing.T) {
	s := newSite(t)
	s.evidenceKey(t)
	must(t, os.Mkdir(filepath.Join(s.root, "tmp"), 0o755))
	must(t, os.WriteFile(filepath.Join(s.root, "tmp/note"), bytes.Repeat([]byte("ransom"), 100_000), 0o600))
	order := s.deliver(t, s.token(t, eat.CollectEvidence{What: []string{"files"}, Files: []eat.Path{eat.PathOf("/tmp/note")}, MaxBytes: 8 << 20, MaxSeconds: 20}))
	read, write := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := Run(s.config(), stdin(t, order), write)
		write.CloseWithError(err)
		ended <- err
	}()
	// Its receipt is read, and of what follows only the beginning.
	seen, line := "", make([]byte, 1)
	for !strings.HasSuffix(seen, `{"chunk":`) {
		if _, err := read.Read(line); err != nil {
			t.Fatalf("after %d bytes: %v", len(seen), err)
		}
		seen += string(line)
	}
	s.noteSeen(t)
	if r := s.do(t, eat.Noop{}); r.Outcome != eat.OutcomeDone {
		t.Errorf("while evidence is read slowly: %+v", r)
	}
	read.Close()
	if err := <-ended; err == nil {
		t.Error("half a bundle was handed over, and it says nothing of it")
	}
}
