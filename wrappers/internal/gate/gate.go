//go:build linux

package gate

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/eat"
	"picket.internal/strictjson"
	"picket.internal/wrappers/internal/action"
)

// Where things are, below the root of the host.
const (
	trustFile  = "etc/picket/trust/trust.json"
	hostFile   = "etc/picket/trust/host.json"
	policyFile = "etc/picket/host-policy.json"
	keyFile    = "key" // in the state folder
)

// Config says what a gate stands in front of. Empty fields but Version are for
// production.
type Config struct {
	// Root is the folder that is taken for "/"; empty means "/".
	Root string
	// Version is the wrapper's version, for receipts.
	Version string
	// Now is the host's clock; nil means time.Now.
	Now func() time.Time
	// Self is the program's own file below Root, whose owner is looked at too;
	// empty means that it is not.
	Self string

	step     func(name string) // for tests, which end the program there
	patience time.Duration     // with whoever writes the order; empty means inputTime
}

// host is an opened gate: it holds the lock.
type host struct {
	identity
	cfg    Config
	root   action.Root
	boot   string
	trust  *eat.TrustStore
	policy *eat.HostPolicy
	state  folder
	memory memory
	ledger *ledger
	spool  *spool
	began  time.Time
	lock   *os.File

	leaving bool             // all that is in force is to end, whatever its time
	stuck   map[string]error // why what a killed wrapper left cannot be taken back, by token
	parcel  *parcel          // the evidence that goes to the hub; nil where none does
}

// identity is the host as root wrote it at install.
type identity struct {
	V      int      `json:"v"`
	Host   string   `json:"host"`
	Labels []string `json:"labels,omitempty"`
}

// open reads all that is trusted, and waits for another wrapper to end.
func open(cfg Config) (*host, error) {
	if cfg.Root == "" {
		cfg.Root = "/"
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.step == nil {
		cfg.step = func(string) {}
	}
	// A receipt that cannot be written must be found out before the act.
	if cfg.Version = strings.ToValidUTF8(plain(cfg.Version), ""); cfg.Version == "" || len(cfg.Version) > 64 {
		return nil, action.Refuse("wrapper.no_version", "the program was built with the version %.80q: build it with make wrappers", cfg.Version)
	}
	h := &host{cfg: cfg, root: action.Root{Dir: cfg.Root}, stuck: map[string]error{}}
	h.began = h.now()
	if cfg.Self != "" {
		self, err := openRooted(cfg.Root, cfg.Self)
		if err != nil {
			return nil, err
		}
		self.Close()
	}
	for _, f := range []struct {
		path  string
		parse func([]byte) error
	}{
		{trustFile, func(data []byte) (err error) { h.trust, err = eat.ParseTrust(data); return err }},
		{policyFile, func(data []byte) (err error) { h.policy, err = eat.ParsePolicy(data); return err }},
		{hostFile, func(data []byte) error {
			return strictjson.Decode(data, strictjson.Limits{Bytes: 16 << 10}, &h.identity, nil)
		}},
	} {
		data, err := readRooted(cfg.Root, f.path, 256<<10)
		if err != nil {
			return nil, err
		}
		if err := f.parse(data); err != nil {
			return nil, action.Refuse("trust.bad_file", "malformed /%s: %v", f.path, err)
		}
	}
	var err error
	if h.boot, err = action.BootID(); err != nil {
		return nil, err
	}
	if err := h.enter(); err != nil {
		h.close()
		return nil, err
	}
	return h, nil
}

// enter takes the lock and reads the state.
func (h *host) enter() (err error) {
	if h.state, err = openFolder(h.cfg.Root, action.StateDir); err != nil {
		return err
	}
	if err := writable(h.state); err != nil {
		return err
	}
	key, err := readKey(h.state)
	if err != nil {
		return err
	}
	if err := h.acquire(); err != nil {
		return err
	}
	if h.memory, err = loadMemory(h.state); err != nil {
		return err
	}
	if h.ledger, err = openLedger(h.state, eat.Counters{High: h.memory.Counter, Free: h.memory.Free}); err != nil {
		return err
	}
	h.spool, err = openSpool(h.state, key)
	return err
}

// lockTime is how long another wrapper may take.
const lockTime = 30 * time.Second

// acquire takes the lock of the state, so that of two wrappers at once one waits.
func (h *host) acquire() (err error) {
	if h.lock, err = action.OpenAt(h.state.f, "lock", unix.O_RDWR|unix.O_CREAT, 0o600); err != nil {
		return err
	}
	for end := time.Now().Add(lockTime); ; time.Sleep(20 * time.Millisecond) {
		err := unix.Flock(int(h.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil || !errors.Is(err, unix.EWOULDBLOCK) {
			return err
		}
		if time.Now().After(end) {
			return action.Refuse("wrapper.busy", "another wrapper holds %s for more than %s", h.lock.Name(), lockTime)
		}
	}
}

func (h *host) close() {
	h.lock.Close() // which is nil, like the others, where it was not opened
	h.state.f.Close()
	if h.ledger != nil {
		h.ledger.dir.f.Close()
	}
	if h.spool != nil {
		h.spool.dir.f.Close()
	}
}

func (h *host) now() time.Time { return h.cfg.Now().UTC().Truncate(time.Millisecond) }

// inputTime is how long whoever calls may take to say what he wants.
const inputTime = 10 * time.Second

// Run takes one delivery from in, does what it asks for if it may, and writes
// the receipts that the hub may lack to out. An empty delivery asks for those
// alone: nothing else is done. The error is for standard error, and says that
// there is no receipt.
func Run(cfg Config, in *os.File, out io.Writer) error {
	data, err := readOrder(in, cmp.Or(cfg.patience, inputTime))
	if err != nil {
		return err
	}
	h, err := open(cfg)
	if err != nil {
		return err
	}
	defer h.close()
	if len(data) == 0 {
		return h.spool.print(out, h.now())
	}
	if err := h.recover(); err != nil {
		return err
	}
	actErr := h.take(data)
	if err := h.spool.print(out, h.now()); err != nil {
		return err
	}
	h.close() // whoever reads evidence slowly must not hold up the next wrapper
	return errors.Join(actErr, h.handOver(out))
}

func readOrder(in *os.File, patience time.Duration) ([]byte, error) {
	// A descriptor of its own that does not block can be given a deadline where
	// it is a pipe or a socket; a file ends by itself.
	fd, err := unix.FcntlInt(in.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		return nil, fmt.Errorf("read the order: %w", err)
	}
	order := os.NewFile(uintptr(fd), "standard input")
	defer order.Close()
	_ = order.SetReadDeadline(time.Now().Add(patience))
	data, err := io.ReadAll(io.LimitReader(order, eat.MaxDelivery+1))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, action.Refuse("wrapper.no_order", "nothing that ends came on standard input within %s", patience)
	}
	if err != nil {
		return nil, fmt.Errorf("read the order: %w", err)
	}
	if len(data) > eat.MaxDelivery {
		return nil, action.Refuse("eat.too_large", "more than %d bytes on standard input", eat.MaxDelivery)
	}
	return data, nil
}

// take verifies, spends and acts.
func (h *host) take(data []byte) error {
	seen, err := h.memory.tree()
	if err != nil {
		return err
	}
	v, refusal := eat.Verify(data, eat.Input{
		Now: h.now(), Floor: h.memory.Floor, HostID: h.Host, BootID: h.boot, Labels: h.Labels,
		Trust: h.trust, Policy: h.policy, Seen: seen, Ledger: h.ledger,
	})
	if refusal != nil {
		return h.refused(refusal)
	}
	t := v.Token()
	args, err := strictjson.Encode(t.Args)
	if err != nil {
		return fmt.Errorf("write the arguments of %s: %w", t.ID, err)
	}
	e := &entry{Token: t.ID, SHA256: v.SHA256(), Action: t.Action(), Counter: t.Counter, Boot: h.boot, At: h.now(), Stage: stageSpent, Args: args}
	h.cfg.step("spend")
	if err := h.ledger.spend(e); err != nil {
		return err
	}
	h.cfg.step("remember")
	checkpoint, tree := v.Checkpoint()
	if err := h.heard(tree.N > h.memory.Size); err != nil {
		return err
	}
	h.memory = memory{Floor: v.Floor(), Size: tree.N, Hash: tree.Hash.String(), Checkpoint: string(checkpoint), Counter: h.ledger.counters.High, Free: h.ledger.counters.Free}
	if err := h.memory.save(h.state); err != nil {
		return err
	}
	return h.act(e, t)
}

// refused writes a receipt of a refusal, where it is about a token that the hub
// has signed, and one only for each: whoever repeats a token fills no disk.
func (h *host) refused(r *eat.Refusal) error {
	if r.About == nil {
		return r
	}
	told, err := h.spool.has(func(old *eat.Receipt) bool { return old.Token == r.About.Token && old.Refusal == r.ID })
	if err != nil || told {
		return err
	}
	return h.tell(&entry{Token: r.About.Token, SHA256: r.About.SHA256, Action: r.About.Action}, eat.OutcomeRefused, r.ID, r.Detail, nil)
}

// heard notes that the hub still reaches the host: an isolation that waited for
// that stays. The log of a delivery shows it, and not a clock: only a hub that
// knows how much of it this host has seen can prove what has come since.
func (h *host) heard(since bool) error {
	for _, e := range h.ledger.in(stageHolds) {
		if !since || e.ConfirmBy.IsZero() {
			continue
		}
		e.ConfirmBy = time.Time{}
		if err := h.ledger.put(e); err != nil {
			return err
		}
	}
	return nil
}

// tell writes the receipt of an entry.
func (h *host) tell(e *entry, outcome, refusal, detail string, effect action.Effect) error {
	r := eat.Receipt{
		Host: h.Host, Boot: h.boot, Token: e.Token, TokenSHA256: e.SHA256, Action: e.Action, Outcome: outcome, Refusal: refusal,
		Detail: plain(detail), Effect: map[string]string{}, Started: h.began, Time: h.now(), Wrapper: h.cfg.Version,
	}
	for name, value := range effect {
		r.Effect[name] = plain(value)
	}
	r.Saw(h.memory.Size, h.memory.Checkpoint, h.trust.Log)
	if outcome == eat.OutcomeDone {
		r.LeaseEnd = e.LeaseEnd
	}
	h.cfg.step("tell")
	return h.spool.add(r)
}

// end writes the last receipt of an entry, and that it is over.
func (h *host) end(e *entry, outcome, refusal, detail string, effect action.Effect) error {
	if err := h.tell(e, outcome, refusal, detail, effect); err != nil {
		return err
	}
	return h.over(e)
}

func (h *host) over(e *entry) error {
	h.cfg.step("over")
	e.Stage, e.Record = stageEnded, nil
	return h.ledger.put(e)
}

// told reports whether a receipt with one of the outcomes is written already.
func (h *host) told(e *entry, outcomes ...string) (bool, error) {
	return h.spool.has(func(r *eat.Receipt) bool { return r.Token == e.Token && slices.Contains(outcomes, r.Outcome) })
}

// plain makes one line of what may quote anything.
func plain(s string) string {
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c >= 0x7f && c < 0xa0 || c == '\u2028' || c == '\u2029' {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(s, "\uFFFD"))
	if len(s) > 1000 {
		s = strings.ToValidUTF8(s[:1000], "") + "…"
	}
	return s
}
