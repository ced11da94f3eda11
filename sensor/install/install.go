//go:build linux

package install

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"picket.internal/eat"
	"picket.internal/packaging"
	"picket.internal/sensor/send/launch"
	"picket.internal/strictjson"
	"picket.internal/wire"
)

// Where things are. The programs are put there by a package, or by hand.
const (
	sensorProgram = "/usr/bin/picket-sensor"
	setupProgram  = "/usr/libexec/picket/picket-wrapper-setup"
	configFile    = "/etc/picket/sensor.json"
	trustFile     = "/etc/picket/trust/trust.json"
	hostFile      = "/etc/picket/trust/host.json"
	policyFile    = "/etc/picket/host-policy.json"
	stateDir      = "/var/lib/picket"
	wrapperDir    = "/var/lib/picket-wrapper"
	systemctl     = "/usr/bin/systemctl"
)

// Config says how to set a host up.
type Config struct {
	// Token lets the host enroll; nil where it is enrolled already.
	Token *wire.Token
	// Launch is how the wrapper is to be reached; empty means sudo. It is none
	// where the wrapper is not installed.
	Launch launch.Mode
	// Say is told what was done, a line each; must be set.
	Say io.Writer
}

// Enrolled reports whether this host has an identity. Where that cannot be
// seen, it has none as far as anybody but root knows.
func Enrolled() bool {
	_, err := os.Lstat(stateDir + "/identity.json")
	return err == nil
}

// host is the machine that is set up.
type host struct {
	ctx  context.Context
	root string // "/", or a folder in tests
	say  io.Writer
	init initSystem
}

// Install sets the host up, step by step, each of which may be done again.
func Install(ctx context.Context, cfg Config) error {
	h := &host{ctx: ctx, root: "/", say: cfg.Say}
	if os.Geteuid() != 0 {
		return errors.New("installing: only root can; run it with sudo")
	}
	if _, err := os.Stat(h.path(sensorProgram)); err != nil {
		return fmt.Errorf("installing: %w; put this program there first", err)
	}
	mode := cfg.Launch
	if mode == "" {
		mode = launch.Sudo
	}
	var err error
	if h.init, err = h.initSystem(); err != nil {
		return err
	}
	if _, ok := h.init.(openrc); ok && mode == launch.Socket {
		return errors.New("installing: the launch socket is one of systemd's, which does not run here; use --launch sudo")
	}
	if _, err := os.Stat(h.path(launch.WrapperPath)); errors.Is(err, os.ErrNotExist) {
		mode = launch.None
		h.tell("no wrapper is installed: nobody can act on this host")
	}
	if err := h.files(mode); err != nil {
		return err
	}
	if mode.Acts() {
		if err := h.wrapper(cfg); err != nil {
			return err
		}
	}
	if err := h.configure(mode); err != nil {
		return err
	}
	id, err := h.enroll(cfg)
	if err != nil {
		return err
	}
	if mode.Acts() {
		if err := h.name(id); err != nil {
			return err
		}
	}
	if err := h.init.begin(h, mode); err != nil {
		return err
	}
	if mode.Acts() {
		return h.prove(mode)
	}
	return nil
}

func (h *host) tell(format string, args ...any) { fmt.Fprintf(h.say, format+"\n", args...) }

// files puts units, users, folders and the way to the wrapper in place.
func (h *host) files(mode launch.Mode) error {
	if err := h.init.files(h); err != nil {
		return err
	}
	// One way in, never both.
	if mode == launch.Sudo {
		if err := h.place(packaging.Sudoers, h.checkSudoers); err != nil {
			return err
		}
	} else if err := remove(h.path(packaging.Sudoers.Path)); err != nil {
		return err
	}
	if mode == launch.Socket {
		return h.place(packaging.SendSandbox, nil)
	}
	return remove(h.path(packaging.SendSandbox.Path))
}

// wrapper makes what the wrapper decides by: its key, whom it believes and what
// it may do.
func (h *host) wrapper(cfg Config) error {
	if err := h.run(setupProgram); err != nil {
		return fmt.Errorf("making the wrapper's key: %w", err)
	}
	if cfg.Token == nil {
		return nil // it is enrolled, or enrolling will say what is missing
	}
	r, err := h.start(launch.Command{Path: sensorProgram, Args: []string{"trust"}, Input: []byte(cfg.Token.String())})
	if err != nil {
		return fmt.Errorf("asking the hub whom to trust: %w", err)
	}
	trust, err := eat.ParseTrust(r.Output)
	if err != nil {
		return fmt.Errorf("asking the hub whom to trust: %w", err)
	}
	if err := replace(h.path(trustFile), r.Output, 0o644, nil); err != nil {
		return err
	}
	h.tell("trusts   hub %s: %d keys, %d operators  (%s)", trust.Hub, len(trust.HubKeys), len(trust.Operators), trustFile)
	policy := eat.DefaultPolicy()
	if policy.Open.Hub, err = addresses(h.ctx, cfg.Token.Address); err != nil {
		return err
	}
	data, err := strictjson.Encode(policy)
	if err != nil {
		return fmt.Errorf("writing the host policy: %w", err)
	}
	return h.keep(policyFile, append(data, '\n'))
}

// addresses are where a hub is, as the packet filter needs them.
func addresses(ctx context.Context, hub string) ([]netip.AddrPort, error) {
	name, port, err := net.SplitHostPort(hub)
	if err != nil {
		return nil, fmt.Errorf("malformed address %.80q of the hub: %w", hub, err)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("malformed port %.80q of the hub", port)
	}
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
	if err != nil {
		return nil, fmt.Errorf("looking up the hub: %w", err)
	}
	var out []netip.AddrPort
	for _, a := range found {
		if p := netip.AddrPortFrom(a.Unmap(), uint16(number)); !slices.Contains(out, p) && len(out) < 16 {
			out = append(out, p)
		}
	}
	return out, nil
}

// configure writes the sensor's configuration, or changes in it how the
// wrapper is reached and nothing else.
func (h *host) configure(mode launch.Mode) error {
	path := h.path(configFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return replace(path, fmt.Appendf(nil, "{\n  \"state_dir\": %q,\n  \"launch\": %q\n}\n", stateDir, mode), 0o644, nil)
	}
	if err != nil {
		return fmt.Errorf("reading the configuration: %w", err)
	}
	changed, err := withLaunch(data, mode)
	if err != nil {
		return fmt.Errorf("%s: %w", configFile, err)
	}
	if string(changed) == string(data) {
		return nil
	}
	return replace(path, changed, 0o644, nil)
}

// identity is what install reads of the identity that enrollment stored.
type identity struct {
	Host string `json:"host"`
}

// enroll enrolls the host as the user who sends, and returns its id.
func (h *host) enroll(cfg Config) (string, error) {
	path := h.path(stateDir + "/identity.json")
	_, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		if cfg.Token == nil {
			return "", errors.New("this host is not enrolled: give an enrollment token on standard input or by --token-file")
		}
		as, err := sender(h.path("/etc/passwd"))
		if err != nil {
			return "", err
		}
		r, err := h.start(launch.Command{
			Path: sensorProgram, Args: []string{"enroll", "--config", configFile}, Input: []byte(cfg.Token.String()), As: as,
		})
		if err != nil {
			return "", fmt.Errorf("enrolling: %w", err)
		}
		h.tell("%s", strings.TrimSpace(string(r.Output)))
	} else if err != nil {
		return "", err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("reading who this host is: %w", err)
	}
	var id identity
	if err := strictjson.Decode(data, strictjson.Limits{Bytes: 64 << 10}, &id, func(string) {}); err != nil || !wire.ValidHostID(id.Host) {
		return "", fmt.Errorf("reading who this host is: malformed %s (%v)", path, err)
	}
	return id.Host, nil
}

// sender is the user who sends.
func sender(passwd string) (*syscall.SysProcAttr, error) {
	data, err := os.ReadFile(passwd)
	if err != nil {
		return nil, fmt.Errorf("looking for the user picket: %w", err)
	}
	for line := range strings.Lines(string(data)) {
		f := strings.Split(line, ":")
		if len(f) < 7 || f[0] != "picket" {
			continue
		}
		uid, err := strconv.ParseUint(f[2], 10, 32)
		gid, err2 := strconv.ParseUint(f[3], 10, 32)
		if err != nil || err2 != nil || uid == 0 || gid == 0 {
			break
		}
		return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
	}
	return nil, errors.New("there is no user picket")
}

// name tells the wrapper which host this is, in root's own words. Labels are a
// person's to add.
func (h *host) name(id string) error {
	data, err := strictjson.Encode(struct {
		V      int      `json:"v"`
		Host   string   `json:"host"`
		Labels []string `json:"labels"`
	}{1, id, []string{}})
	if err != nil {
		return err
	}
	return h.keep(hostFile, append(data, '\n'))
}

// prove has the wrapper started in the chosen way, as the sender's user, with
// an empty delivery, which asks for receipts and does nothing: it must end
// well. Whether it carries out a token, a noop of the hub shows.
func (h *host) prove(mode launch.Mode) error {
	if mode == launch.Socket {
		_, err := launch.New(mode).Launch(h.ctx, nil, nil)
		var e *launch.Error
		if errors.As(err, &e) && e.ID != "launch.no_receipt" {
			return fmt.Errorf("the wrapper does not answer: %w", e)
		}
		h.tell("launch   socket: the wrapper's unit answers")
		return nil
	}
	as, err := sender(h.path("/etc/passwd"))
	if err != nil {
		return err
	}
	r, err := launch.Run(h.ctx, launch.Command{Path: launch.SudoPath, Args: []string{"-n", launch.WrapperPath}, As: as}, nil)
	if err != nil {
		return fmt.Errorf("the wrapper does not answer: %w", err)
	}
	if r.Code != 0 {
		return fmt.Errorf("the wrapper does not answer as it should: exit status %d: %s", r.Code, strings.TrimSpace(string(r.Complaint)))
	}
	h.tell("launch   sudo: the wrapper runs as root for the user picket, and answers")
	return nil
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("removing %s: %w", path, err)
	}
	return nil
}
