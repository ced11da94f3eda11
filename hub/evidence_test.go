package hub_test

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"picket.internal/api"
	"picket.internal/eat"
	"picket.internal/eat/sealing"
	"picket.internal/fact"
	"picket.internal/hub"
	"picket.internal/hub/hubtest"
	"picket.internal/wire"
)

// gathered is a host whose wrapper has gathered a bundle and signed its receipt,
// of which nothing was sent yet.
type gathered struct {
	t        *testing.T
	hub      *hubtest.Hub
	host     *hubtest.Host
	wrapper  *hubtest.Wrapper
	response string
	token    string
	receipt  *eat.Receipt
	bundle   []byte
	key      []byte // what it is sealed to
}

// gather has a person ask a host for evidence, whose wrapper gathers size bytes.
func gather(t *testing.T, h *hubtest.Hub, host *hubtest.Host, w *hubtest.Wrapper, size int) *gathered {
	t.Helper()
	var r api.Response
	h.Post(t, api.PathResponses, api.IssueRequest{Host: host.ID, Action: eat.ActionCollectEvidence,
		Args: []byte(`{"what":["logins"],"max_bytes":1048576,"max_seconds":30}`), Reason: "case 4711"}, &r)
	g := &gathered{t: t, hub: h, host: host, wrapper: w, response: r.ID, key: w.Trust.EvidenceKey, bundle: bytes.Repeat([]byte("root:x:0:0\n"), size/11+1)[:size]}
	g.receipt = g.act()
	g.token = g.receipt.Token
	g.say(g.token)
	return g
}

// act takes the next delivery.
func (g *gathered) act() *eat.Receipt {
	g.t.Helper()
	delivery, err := g.host.Orders(g.wrapper.Seen.N)
	if err != nil || delivery == nil {
		g.t.Fatalf("no orders: %v", err)
	}
	return g.wrapper.Act(delivery)
}

// say writes into the receipt what the bundle is.
func (g *gathered) say(id string) {
	sum := sha256.Sum256(g.bundle)
	g.receipt.Effect = map[string]string{"id": id, "bytes": strconv.Itoa(len(g.bundle)), "sha256": hex.EncodeToString(sum[:]),
		"chunks": strconv.FormatInt(eat.Chunks(int64(len(g.bundle))), 10)}
}

func (g *gathered) sendReceipt() {
	g.t.Helper()
	if _, err := g.wrapper.Send(g.wrapper.Seal(g.receipt)); err != nil {
		g.t.Fatal(err)
	}
}

// chunk seals chunk number n of the bundle; change changes what it says of itself.
func (g *gathered) chunk(n int, change func(*eat.Chunk)) []byte {
	g.t.Helper()
	at := n * eat.ChunkBytes
	c := eat.Chunk{Number: int64(n), Host: g.host.ID, Token: g.token, Last: at+eat.ChunkBytes >= len(g.bundle)}
	if change != nil {
		change(&c)
	}
	c, err := sealing.Seal(c, g.bundle[at:min(at+eat.ChunkBytes, len(g.bundle))], g.key)
	if err != nil {
		g.t.Fatal(err)
	}
	line, err := c.Encode()
	if err != nil {
		g.t.Fatal(err)
	}
	return line
}

// put sends a body and returns the id of the refusal; empty where it was taken.
func (g *gathered) put(body []byte) string {
	g.t.Helper()
	status, _, err := g.host.Post(wire.PathEvidence, body, nil)
	if status == http.StatusNoContent {
		return ""
	}
	return wire.ErrorID(err)
}

func (g *gathered) taken(n int) {
	g.t.Helper()
	if id := g.put(g.chunk(n, nil)); id != "" {
		g.t.Fatalf("chunk %d was refused: %s", n, id)
	}
}

func (g *gathered) evidence() *api.Evidence {
	g.t.Helper()
	return hubtest.Get[api.Response](g.hub, api.PathResponses+"/"+g.response)[0].Evidence
}

func (g *gathered) read() (int, string) {
	g.t.Helper()
	return g.hub.Do(http.MethodGet, api.PathResponses+"/"+g.response+"/evidence", "")
}

func newGathered(t *testing.T, size int) *gathered {
	t.Helper()
	h := hubtest.New(t, nil)
	host := h.Enroll()
	return gather(t, h, host, host.Wrapper(), size)
}

// From the wrapper's receipt to the file in a person's hands: what comes is what
// was signed, the database alone does not tell it, and the log says who read it.
func TestEvidenceArrives(t *testing.T) {
	g := newGathered(t, 300_000)
	if id := g.put(g.chunk(0, nil)); id != "evidence.no_receipt" {
		t.Errorf("a chunk before its receipt: %q", id)
	}
	g.sendReceipt()
	if e := g.evidence(); e == nil || e.State != api.EvidenceComing || e.Chunks != 3 || e.Have != 0 {
		t.Fatalf("after the receipt: %+v", e)
	}
	if status, text := g.read(); status != http.StatusConflict || !strings.Contains(text, "none of 3 chunks is here") {
		t.Errorf("read too early: %d %s", status, text)
	}
	// In any order, and one of them twice.
	for _, n := range []int{2, 0, 0} {
		g.taken(n)
	}
	if e := g.evidence(); e.State != api.EvidenceComing || e.Have != 2 {
		t.Errorf("with two chunks: %+v", e)
	}
	g.taken(1)
	if e := g.evidence(); e.State != api.EvidenceWhole || e.Have != 3 || e.Bytes != 300_000 || e.SHA256 != g.receipt.Effect["sha256"] {
		t.Errorf("with all: %+v", e)
	}
	g.taken(1) // whose answer was lost
	status, text := g.read()
	if status != http.StatusOK || text != string(g.bundle) {
		t.Errorf("read: %d, %d bytes", status, len(text))
	}
	var reads int
	for _, r := range hubtest.Get[api.AuditRecord](g.hub, api.PathAuditRecords+"?limit=100") {
		if strings.Contains(string(r.Document), `"event":"evidence.read"`) && strings.Contains(string(r.Document), g.token) && strings.Contains(string(r.Document), g.hub.Access.ID) {
			reads++
		}
	}
	if reads != 1 {
		t.Errorf("the log tells of %d readings by this token", reads)
	}
	g.hub.Stop()
	for _, name := range []string{"hub.db", "hub.db-wal"} {
		if data, err := os.ReadFile(filepath.Join(g.hub.Dir, name)); err == nil && bytes.Contains(data, []byte("root:x:0:0")) {
			t.Errorf("%s holds what was sealed in the clear", name)
		}
	}
	report, err := hub.Check(t.Context(), g.hub.Dir, nil)
	if err != nil || len(report.Faults) != 0 {
		t.Errorf("check: %+v, %v", report, err)
	}
}

// Every chunk that is not one that was asked for, of this host and in its place,
// is refused and leaves nothing.
func TestThreat_W15_EvidenceThatIsRefused(t *testing.T) {
	g := newGathered(t, 300_000)
	g.sendReceipt()
	other := g.hub.Enroll()
	foreign := *g
	foreign.host = other
	otherKey := *g
	otherKey.key = bytes.Repeat([]byte{9}, 32)
	whole := g.chunk(0, nil)
	for what, c := range map[string]struct {
		body []byte
		want string
	}{
		"no chunk":                    {[]byte("{}"), "evidence.malformed"},
		"a receipt":                   {g.wrapper.Seal(g.receipt), "evidence.malformed"},
		"half of one":                 {whole[:len(whole)/2], "evidence.malformed"},
		"more than a chunk":           {append(whole, bytes.Repeat([]byte(" "), eat.MaxChunk)...), "evidence.too_large"},
		"another host's name":         {g.chunk(0, func(c *eat.Chunk) { c.Host = other.ID }), "evidence.unknown_token"},
		"a token of nobody":           {g.chunk(0, func(c *eat.Chunk) { c.Token = "01K3Z9V6W4Q2N8T1XEJ5B7RMCD" }), "evidence.unknown_token"},
		"sealed to another":           {otherKey.chunk(0, nil), "evidence.not_for_us"},
		"the place of another":        {bytes.Replace(whole, []byte(`"chunk":0`), []byte(`"chunk":1`), 1), "evidence.not_for_us"},
		"called the last":             {bytes.Replace(whole, []byte(`"last":false`), []byte(`"last":true`), 1), "evidence.not_for_us"},
		"sealed as the last":          {g.chunk(0, func(c *eat.Chunk) { c.Last = true }), "evidence.mismatch"},
		"the last, sealed as not":     {g.chunk(2, func(c *eat.Chunk) { c.Last = false }), "evidence.mismatch"},
		"one more than there are":     {g.chunk(2, func(c *eat.Chunk) { c.Number = 3 }), "evidence.mismatch"},
		"of another length":           {g.chunk(2, func(c *eat.Chunk) { c.Number, c.Last = 1, false }), "evidence.mismatch"},
		"the token's in another host": {nil, ""},
	} {
		sender := g
		if c.body == nil {
			sender, c.body, c.want = &foreign, foreign.chunk(0, nil), "evidence.unknown_token"
		}
		if id := sender.put(c.body); id != c.want {
			t.Errorf("%s: %q, want %q", what, id, c.want)
		}
	}
	stranger := g.hub.Stranger()
	if _, _, err := stranger.Post(wire.PathEvidence, whole, nil); wire.ErrorID(err) != "host.unknown" {
		t.Errorf("a stranger: %v", err)
	}
	if e := g.evidence(); e.Have != 0 || e.State != api.EvidenceComing {
		t.Errorf("after all of them: %+v", e)
	}
	var other2 api.Response
	g.hub.Post(t, api.PathResponses, api.IssueRequest{Host: g.host.ID, Action: eat.ActionNoop, Args: []byte(`{}`), Reason: "x"}, &other2)
	if status, text := g.hub.Do(http.MethodGet, api.PathResponses+"/"+other2.ID+"/evidence", ""); status != http.StatusConflict || !strings.Contains(text, "it is a noop") {
		t.Errorf("evidence of a noop: %d %s", status, text)
	}
	if status, _ := g.hub.Do(http.MethodGet, api.PathResponses+"/x/evidence", ""); status != http.StatusNotFound {
		t.Errorf("evidence of nothing: %d", status)
	}
}

// A sensor can seal to the hub as well as the wrapper can. What it makes up is
// not what the wrapper has signed: it is dropped, told, and asked for again.
func TestThreat_W15_ForgedEvidence(t *testing.T) {
	g := newGathered(t, 150_000)
	g.sendReceipt()
	forged := *g
	forged.bundle = bytes.Repeat([]byte("nothing to be seen here"), 10_000)[:150_000]
	g.taken(0)
	forged.taken(1)
	if e := g.evidence(); e.State != api.EvidenceMismatch || e.Have != 0 {
		t.Errorf("forged: %+v", e)
	}
	if status, text := g.read(); status != http.StatusConflict || !strings.Contains(text, "--again") {
		t.Errorf("read: %d %s", status, text)
	}
	if id := g.put(g.chunk(0, nil)); id != "evidence.unwanted" {
		t.Errorf("unasked: %q", id)
	}
	if got := g.hub.WaitAlerts("receipt.evidence_mismatch", 1); got[0].Host.ID != g.host.ID {
		t.Errorf("alert %+v", got[0])
	}
}

// What did not come is asked for again, from where it ended, by a token of its own.
func TestEvidenceAgain(t *testing.T) {
	g := newGathered(t, 300_000)
	g.sendReceipt()
	g.taken(0)
	path := api.PathResponses + "/" + g.response + "/evidence/again"
	if status, _ := g.hub.Do(http.MethodPost, path, `{"reason":""}`); status != http.StatusBadRequest {
		t.Errorf("without a reason: %d", status)
	}
	var again api.Response
	g.hub.Post(t, path, api.DecisionRequest{Reason: "case 4711"}, &again)
	if want := `{"again":"` + g.token + `","from":1}`; string(again.Args) != want {
		t.Errorf("asked for %s, want %s", again.Args, want)
	}
	g.receipt = g.act()
	g.say(g.token)
	g.sendReceipt()
	g.taken(1)
	g.taken(2)
	for _, id := range []string{g.response, again.ID} {
		if e := hubtest.Get[api.Response](g.hub, api.PathResponses+"/"+id)[0].Evidence; e == nil || e.State != api.EvidenceWhole || e.Token != g.token {
			t.Errorf("of %s: %+v", id, e)
		}
	}
	if status, text := g.hub.Do(http.MethodPost, path, `{"reason":"x"}`); status != http.StatusConflict || !strings.Contains(text, "is here") {
		t.Errorf("what is here: %d %s", status, text)
	}
}

// What a receipt says of a bundle is held to the token that asked for it.
func TestReceiptsOfEvidence(t *testing.T) {
	for what, change := range map[string]func(r *eat.Receipt){
		"more than was allowed": func(r *eat.Receipt) { r.Effect["bytes"], r.Effect["chunks"] = "1048577", "9" },
		"less than nothing":     func(r *eat.Receipt) { r.Effect["bytes"] = "-1" },
		"no digest":             func(r *eat.Receipt) { delete(r.Effect, "sha256") },
		"another's bundle":      func(r *eat.Receipt) { r.Effect["id"] = "01K3Z9V6W4Q2N8T1XEJ5B7RMCD" },
	} {
		t.Run(what, func(t *testing.T) {
			g := newGathered(t, 100)
			change(g.receipt)
			g.sendReceipt()
			if e := g.evidence(); e != nil {
				t.Errorf("believed: %+v", e)
			}
			if id := g.put(g.chunk(0, nil)); id != "evidence.unwanted" {
				t.Errorf("its chunk: %q", id)
			}
			rejected := 0
			for _, s := range g.hub.Facts(api.FactQuery{Kind: string(fact.KindReceipt)}) {
				if f, _, err := fact.Parse(s.Fact); err == nil && f.Receipt.Action == fact.ReceiptRejected && f.Receipt.ErrorID == "evidence.mismatch" {
					rejected++
				}
			}
			if rejected != 1 {
				t.Errorf("told %d times", rejected)
			}
		})
	}
}

// A host that has no key to seal it to keeps it, and the response says so.
func TestEvidenceThatStaysOnTheHost(t *testing.T) {
	g := newGathered(t, 100)
	g.receipt.Effect["chunks"], g.receipt.Effect["kept_here"] = "0", "no key to seal it to"
	g.sendReceipt()
	if e := g.evidence(); e == nil || e.State != api.EvidenceKept || e.Why != "no key to seal it to" {
		t.Errorf("%+v", e)
	}
	if id := g.put(g.chunk(0, nil)); id != "evidence.unwanted" {
		t.Errorf("its chunk: %q", id)
	}
	if status, text := g.read(); status != http.StatusConflict || !strings.Contains(text, "stays on the host: no key") {
		t.Errorf("read: %d %s", status, text)
	}
}

// What is kept is bounded: the oldest makes room, and the log says so.
func TestOldEvidenceMakesRoom(t *testing.T) {
	h := hubtest.New(t, func(c *hub.Config) { c.EvidenceBytes = 250_000 })
	host := h.Enroll()
	w := host.Wrapper()
	var all []*gathered
	for range 3 {
		g := gather(t, h, host, w, 100_000)
		g.sendReceipt()
		g.taken(0)
		all = append(all, g)
	}
	for i, want := range []string{api.EvidencePruned, api.EvidenceWhole, api.EvidenceWhole} {
		if e := all[i].evidence(); e.State != want {
			t.Errorf("bundle %d is %s, want %s", i, e.State, want)
		}
	}
	pruned := 0
	for _, r := range hubtest.Get[api.AuditRecord](h, api.PathAuditRecords+"?limit=100") {
		if strings.Contains(string(r.Document), "evidence.pruned") && strings.Contains(string(r.Document), all[0].token) {
			pruned++
		}
	}
	if pruned != 1 {
		t.Errorf("the log tells of it %d times", pruned)
	}
}

// A hub of an older version has no key for evidence: hosts learn none, and what
// comes all the same is refused.
func TestAHubWithoutAKeyForEvidence(t *testing.T) {
	g := newGathered(t, 100)
	g.sendReceipt()
	line := g.chunk(0, nil)
	g.hub.Stop()
	path := filepath.Join(g.hub.Dir, "keys", "evidence.pem")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	g.hub.Start()
	if key := g.hub.Trust().EvidenceKey; len(key) != 0 {
		t.Errorf("hosts are told to seal to %x", key)
	}
	if id := g.put(line); id != "evidence.no_key" {
		t.Errorf("a chunk: %q", id)
	}
	if !strings.Contains(g.hub.Log.String(), "picket-hub keys add evidence") {
		t.Error("the log does not say it, and what to do")
	}
	if _, err := hub.AddKey(g.hub.Dir, "evidence", 0); err != nil {
		t.Fatal(err)
	}
	if _, err := hub.UseKey(t.Context(), g.hub.Dir, "evidence", false); err != nil {
		t.Fatal(err)
	}
	g.hub.Restart()
	if g.key = g.hub.Trust().EvidenceKey; len(g.key) != 32 {
		t.Fatalf("hosts are told to seal to %x", g.key)
	}
	g.taken(0)
}

// TestCheckHoldsEvidenceToItsReceipt: what was changed in the database shows,
// sealed or not, and what was changed within a chunk shows to the key.
func TestCheckHoldsEvidenceToItsReceipt(t *testing.T) {
	g := newGathered(t, eat.ChunkBytes+100)
	g.sendReceipt()
	g.taken(0)
	g.taken(1)
	if e := g.evidence(); e.State != api.EvidenceWhole {
		t.Fatalf("the bundle is %s", e.State)
	}
	g.hub.Stop()
	path := filepath.Join(g.hub.Dir, "hub.db")
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	do := func(query string) {
		t.Helper()
		if _, err := db.Exec(query); err != nil {
			t.Fatal(err)
		}
	}
	do(`CREATE TABLE kept_chunks AS SELECT * FROM evidence_chunks`)
	do(`CREATE TABLE kept_evidence AS SELECT * FROM evidence`)
	key := filepath.Join(g.hub.Dir, "keys", "evidence.pem")
	for _, c := range []struct{ change, want, sealed string }{
		{`SELECT 1`, "", ""},
		{`DELETE FROM evidence_chunks WHERE number = 1`, "1 chunks of", "1 chunks of"},
		{`UPDATE evidence_chunks SET sealed = x'00' WHERE number = 1`, "chunk 1 of 1 bytes is none", "chunk 1 of 1 bytes is none"},
		{`UPDATE evidence_chunks SET last = 1 WHERE number = 0`, "chunk 0 of", "chunk 0 of"},
		{`UPDATE evidence_chunks SET sealed = zeroblob(length(sealed)) WHERE number = 1`, "chunk 1 does not open", ""},
		{`UPDATE evidence SET sha256 = '` + strings.Repeat("0", 64) + `'`, "no receipt tells of", "no receipt tells of"},
		{`UPDATE evidence SET bytes = bytes - 1`, "no receipt tells of", "no receipt tells of"},
		{`DELETE FROM evidence_chunks; UPDATE evidence SET have = 0, stored = 0`, "0 of 2 chunks are here, and it is whole", "0 of 2 chunks are here, and it is whole"},
	} {
		do(c.change)
		for want, opened := range map[string]bool{c.want: true, c.sealed: false} {
			if c.want == c.sealed {
				opened = true
			}
			if !opened {
				if err := os.Rename(key, key+".away"); err != nil {
					t.Fatal(err)
				}
			}
			report, err := hub.Check(t.Context(), g.hub.Dir, slog.New(slog.DiscardHandler))
			if !opened {
				if err := os.Rename(key+".away", key); err != nil {
					t.Fatal(err)
				}
			}
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case want == "" && (len(report.Faults) > 0 || report.Evidence != 1 || opened != (report.Opened == 1)):
				t.Errorf("%s, opened %v: %+v", c.change, opened, report)
			case want != "" && (len(report.Faults) == 0 || !strings.HasPrefix(report.Faults[0].Where, "evidence of "+g.token) || !strings.HasPrefix(report.Faults[0].What, want)):
				t.Errorf("%s: faults %+v, want %q", c.change, report.Faults, want)
			}
		}
		do(`DELETE FROM evidence_chunks; INSERT INTO evidence_chunks SELECT * FROM kept_chunks; UPDATE evidence SET (sha256, bytes, have, stored) = (SELECT sha256, bytes, have, stored FROM kept_evidence)`)
	}
}
