package e2e_test

import (
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"picket.internal/e2e/booted"
	"picket.internal/eat"
	"picket.internal/eat/eattest"
	"picket.internal/envelope"
	"picket.internal/strictjson"
	"picket.internal/wire"
)

// orderingHub is as much of a hub as setting up a host and giving it orders
// needs: enrollment, the trust store, orders and receipts. It takes no batches.
type orderingHub struct {
	t      *testing.T
	log    *eattest.Hub
	seen   int64 // how much of the log the host has seen
	online envelope.PrivateKey
	tls    envelope.PrivateKey
	addr   string

	mu      sync.Mutex
	trust   []byte
	wrapper envelope.PublicKey // as the host gave it when it enrolled
	enrolls int
	orders  chan []byte
	told    chan *eat.Receipt
}

func newOrderingHub(t *testing.T) *orderingHub {
	t.Helper()
	h := &orderingHub{
		t: t, log: eattest.NewHub(t), online: eattest.Key(21), tls: eattest.Key(22),
		orders: make(chan []byte), told: make(chan *eat.Receipt, 1000),
	}
	trust := eattest.Trust(t)
	for i := range trust.HubKeys {
		trust.HubKeys[i].NotAfter = time.Now().UTC().Truncate(time.Second).AddDate(1, 0, 0)
	}
	var err error
	if h.trust, err = strictjson.Encode(trust); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.addr = l.Addr().String()
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+wire.PathEnroll, h.enroll)
	mux.HandleFunc("GET "+wire.PathTrust, func(w http.ResponseWriter, _ *http.Request) { w.Write(h.trust) })
	mux.HandleFunc("POST "+wire.PathOrders, h.order)
	mux.HandleFunc("POST "+wire.PathReceipts, h.receipts)
	server := &http.Server{Handler: mux, TLSConfig: wire.ServerConfig(h.tls), ErrorLog: log.New(io.Discard, "", 0)}
	go server.ServeTLS(l, "", "")
	t.Cleanup(func() { server.Close() })
	return h
}

func (h *orderingHub) token() string {
	pin, err := wire.PinOf(h.tls.Public())
	if err != nil {
		h.t.Fatal(err)
	}
	token := wire.Token{Address: h.addr, Hub: eattest.HubID, ID: wire.NewTokenID(), Secret: wire.NewSecret(), Pins: []wire.Pin{pin}}
	return token.String()
}

func (h *orderingHub) enroll(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	peer, err := wire.PeerKey(*r.TLS)
	if err != nil {
		h.t.Error(err)
		return
	}
	request, err := wire.OpenEnroll(body, peer)
	if err != nil {
		h.t.Error(err)
		return
	}
	h.mu.Lock()
	h.enrolls++
	h.wrapper = request.Wrapper
	h.mu.Unlock()
	pin, _ := wire.PinOf(h.tls.Public())
	reply := wire.EnrollReply{Host: eattest.HostID, Hub: eattest.HubID, HubKey: h.online.Public(), Pins: []wire.Pin{pin}, State: wire.StateEnrolled}
	data, err := reply.Encode()
	if err != nil {
		h.t.Error(err)
	}
	w.Write(data)
}

func (h *orderingHub) order(w http.ResponseWriter, r *http.Request) {
	select {
	case delivery := <-h.orders:
		w.Write(delivery)
	case <-time.After(wire.OrdersWait):
		w.WriteHeader(http.StatusNoContent)
	case <-r.Context().Done():
	}
}

func (h *orderingHub) receipts(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	h.mu.Lock()
	key := h.wrapper
	h.mu.Unlock()
	reply := wire.ReceiptsReply{}
	for line := range strings.Lines(string(body)) {
		receipt, _, err := eat.OpenReceipt([]byte(strings.TrimSpace(line)), key)
		if err != nil {
			h.t.Errorf("a receipt that is not the wrapper's: %v", err)
			continue
		}
		reply.Seq = receipt.Seq
		h.told <- receipt
	}
	data, _ := reply.Encode()
	w.Write(data)
}

// noop gives the host a noop and returns its receipt and how long that took.
func (h *orderingHub) noop(counter uint64) (*eat.Receipt, time.Duration) {
	h.t.Helper()
	return h.carryOut(counter, eat.Noop{})
}

// carryOut gives the host a token and returns its receipt and how long that
// took.
func (h *orderingHub) carryOut(counter uint64, args eat.Args) (*eat.Receipt, time.Duration) {
	h.t.Helper()
	token := eattest.Token(args)
	now := time.Now().UTC().Truncate(time.Millisecond)
	token.Issued, token.NotBefore, token.Expires = now, now, now.Add(5*time.Minute)
	// For any boot where that may be: systemd-nspawn lays its own boot id over
	// /proc, and the sender's unit, with a view of /proc of its own, sees the
	// machine's.
	token.Boot, token.Counter = "", counter
	if _, any := args.(eat.Noop); !any {
		token.Boot = bootID(h.t)
	}
	token.ID = token.ID[:25] + string(rune('0'+counter))
	delivery := h.log.Deliver(h.t, token, h.seen)
	h.seen = h.log.Tree(h.t).N
	began := time.Now()
	limit := time.After(time.Minute)
	select {
	case h.orders <- delivery:
	case <-limit:
		h.t.Fatal("the host asks for no orders")
	}
	for {
		select {
		case r := <-h.told:
			if r.Token == token.ID {
				if got := r.Effect["log_size"]; got != strconv.FormatInt(h.seen, 10) {
					h.t.Errorf("the wrapper says that it has seen %q records of the log, want %d", got, h.seen)
				}
				return r, time.Since(began)
			}
		case <-limit:
			h.t.Fatalf("no receipt for token %d", counter)
		}
	}
}

// bootID is the machine's.
func bootID(t testing.TB) string {
	t.Helper()
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(id))
}

// diskOf lists a host's files with owner, mode and digest, but for what the
// system itself writes all the time.
func diskOf(t *testing.T, host *booted.Host) []string {
	t.Helper()
	list := host.Run(t, "sh", "-c", `find / -xdev \( -path /var/log -o -path /var/cache -o -path /var/lib/systemd -o -path /proc -o -path /sys -o -path /run -o -path /tmp -o -path /var/tmp \
		-o -path '/etc/*-' -o -path /etc/.pwd.lock -o -path /usr/bin/picket-sensor -o -path /usr/libexec \) -prune -o -printf '%p %y %u %g %m %l\n' | sort
		cat /etc/passwd /etc/group`)
	return strings.Split(list, "\n")
}

// TestInstallAndUninstall sets a booted host up from the tarball, which holds
// programs alone, in one command, has a hub's order carried out by sudo and then through the socket,
// and takes all of it away again.
func TestInstallAndUninstall(t *testing.T) {
	host := booted.Start(t, booted.Options{Capabilities: []string{"CAP_NET_ADMIN"}, Unfiltered: true})
	hub := newOrderingHub(t)
	host.Forward(t, hub.addr)
	deb, _ := packagesOf(t, "0.0.1")
	host.Push(t, filepath.Join(filepath.Dir(deb), "picket-sensor.tar.gz"), "/run/picket-sensor.tar.gz")
	host.Run(t, "tar", "--extract", "--gzip", "--file=/run/picket-sensor.tar.gz", "--directory=/")
	before := diskOf(t, host)
	t.Cleanup(func() {
		if t.Failed() {
			for _, unit := range []string{"picket-send", "picket-watch", "picket-lease", "picket-wrapper@*"} {
				t.Logf("%s logged:\n%s", unit, host.Journal(t, unit))
			}
		}
	})
	install := func(input string, args ...string) string {
		t.Helper()
		cmd := host.Command("picket-sensor", append([]string{"install"}, args...)...)
		cmd.Stdin = strings.NewReader(input)
		began := time.Now()
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("installing: %v\n%s", err, out)
		}
		t.Logf("picket-sensor install %s took %s:\n%s", args, time.Since(began).Round(time.Millisecond), out)
		return string(out)
	}
	if out := install(hub.token()); !strings.Contains(out, "sudo: the wrapper runs as root for the user picket") {
		t.Errorf("the wrapper was not proved: %s", out)
	}
	if got := strings.TrimSpace(host.Run(t, "cat", "/etc/picket/wrapper.pub")); got != hub.wrapper.String() {
		t.Errorf("the hub was told the key %s, it is %s", hub.wrapper, got)
	}
	r, took := hub.noop(1)
	if r.Outcome != eat.OutcomeDone {
		t.Errorf("a noop by sudo: %s %s %s", r.Outcome, r.Refusal, r.Detail)
	}
	t.Logf("order to receipt by sudo: %s", took.Round(time.Millisecond))

	// Of units that wait for each other in a circle one is left out at a boot.
	if out, err := host.Command("systemd-analyze", "verify", "default.target").CombinedOutput(); strings.Contains(string(out), "picket") {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}

	policy := host.Run(t, "cat", "/etc/picket/host-policy.json")
	install("", "--launch", "socket")
	if out, err := host.Try("test", "-e", "/etc/sudoers.d/picket"); err == nil {
		t.Errorf("with the socket, sudoers is still there %s", out)
	}
	if got := host.Run(t, "cat", "/etc/picket/host-policy.json"); got != policy {
		t.Errorf("the host policy was changed from %s to %s", policy, got)
	}
	r, took = hub.noop(2)
	if r.Outcome != eat.OutcomeDone {
		t.Errorf("a noop through the socket: %s %s %s", r.Outcome, r.Refusal, r.Detail)
	}
	t.Logf("order to receipt through the socket: %s", took.Round(time.Millisecond))
	for _, unit := range []string{"picket-send.service", "picket-watch.service", "picket-lease.service"} {
		lines := strings.Split(strings.TrimSpace(host.Run(t, "systemd-analyze", "security", "--no-pager", unit)), "\n")
		t.Logf("systemd-analyze security: %s", strings.TrimSpace(lines[len(lines)-1]))
	}

	install("", "--launch", "sudo")
	r, _ = hub.noop(3)
	if r.Outcome != eat.OutcomeDone || hub.enrolls != 1 {
		t.Errorf("a noop by sudo again: %s %s %s, after %d enrollments", r.Outcome, r.Refusal, r.Detail, hub.enrolls)
	}
	if got := host.Run(t, "systemctl", "--failed", "--no-legend"); got != "" {
		t.Errorf("units failed: %s", got)
	}

	// A line that implies NoNewPrivileges, as somebody might add to make the
	// sender safer, is told by its name before an order needs sudo.
	host.Write(t, "/run/systemd/system/picket-send.service.d/nnp.conf", "[Service]\nSystemCallFilter=@system-service @setuid\n", 0o644)
	host.Run(t, "systemctl", "daemon-reload")
	host.Run(t, "systemctl", "restart", "picket-send")
	host.Run(t, "timeout", "20", "sh", "-c", "journalctl -f -n 50 -o cat -u picket-send | grep -m 1 priv.nnp_set")
	host.Run(t, "rm", "-r", "/run/systemd/system/picket-send.service.d")

	host.Run(t, "picket-sensor", "uninstall")
	left := map[string]bool{}
	for _, line := range diskOf(t, host) {
		left[line] = true
	}
	for _, line := range before {
		if !left[line] {
			t.Errorf("uninstalling took away or changed %s", line)
		}
		delete(left, line)
	}
	for line := range left {
		t.Errorf("uninstalling left %s", line)
	}
	if got := host.Run(t, "systemctl", "list-units", "--all", "--no-legend", "picket*"); got != "" {
		t.Errorf("units are left: %s", got)
	}
}
