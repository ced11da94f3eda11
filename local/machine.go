package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"picket.internal/api"
	"picket.internal/client"
	"picket.internal/strictjson"
	"picket.internal/wire"
)

// Where hub and web page are where nothing else is said and the port is free.
const (
	defaultListen   = "127.0.0.1:7443"
	defaultUIListen = "127.0.0.1:7444"
	anyPort         = "127.0.0.1:0"
)

// How long each part of the start may take. They are far beyond what a slow
// machine needs, and there so that a person is told instead of left waiting.
const (
	initPatience   = 20 * time.Second
	hubPatience    = 20 * time.Second
	enrollPatience = 20 * time.Second
	watchPatience  = 40 * time.Second // more than two heartbeats
)

// machine is a hub and a sensor in one folder, and the way to ask the hub.
type machine struct {
	dir     Dir
	spawn   *spawner
	hubProg string
	senProg string
	listen  string   // what the person asked for; empty: the last one, else the default
	ui      string   // the same for the web page
	hubArgs []string // further arguments of picket-hub serve
	tuning  sensorConfig

	hub      *child
	sensor   *child
	address  string // host:port of the hub
	uiURL    string
	client   *client.Client
	canaries []Canary
	host     string // the id that the hub gave this machine
}

// sensorConfig is what of a sensor's configuration is written here.
type sensorConfig struct {
	StateDir     string         `json:"state_dir"`
	Addresses    []string       `json:"addresses"`
	Canaries     []sensorCanary `json:"canaries"`
	Heartbeat    string         `json:"heartbeat,omitempty"`
	ScanInterval string         `json:"scan_interval,omitempty"`
	Send         *sensorSend    `json:"send,omitempty"`
}

type sensorSend struct {
	FlushAfter string `json:"flush_after,omitempty"`
}

type sensorCanary struct {
	ID   string `json:"id"`
	Path string `json:"path"`
}

func (m *machine) sensorState() string { return filepath.Join(m.dir.sensor(), "state") }
func (m *machine) sensorFile() string  { return filepath.Join(m.dir.sensor(), "sensor.json") }

// setUp makes what is missing and starts the hub. The sensor is ready to be
// started then.
func (m *machine) setUp(ctx context.Context) error {
	var err error
	if err = complete(m.dir.hub(), func(dir string) error { return m.initHub(ctx, dir) }); err != nil {
		return err
	}
	if err := m.startHub(ctx); err != nil {
		return err
	}
	if err := m.connect(); err != nil {
		return err
	}
	if m.canaries, err = m.dir.plant(time.Now()); err != nil {
		return err
	}
	if err := m.configureSensor(); err != nil {
		return err
	}
	return m.enroll(ctx)
}

func (m *machine) initHub(ctx context.Context, dir string) error {
	_, err := m.tool(ctx, initPatience, nil, m.hubProg, "init", "--dir", dir, "--listen", m.wanted())
	if err != nil {
		return fmt.Errorf("initialising hub: %w", err)
	}
	return nil
}

// wanted is the hub's address to try first: what was asked for, else where it
// was last time, so that enrolled sensors and scripts find it again.
func (m *machine) wanted() string {
	if m.listen != "" {
		return m.listen
	}
	if p, err := client.LoadProfile(string(m.dir)); err == nil {
		return p.Token.Address
	}
	return defaultListen
}

// free returns the address where it can be listened on, else any port. What a
// person asked for is never exchanged for something else.
func free(address string, asked bool) string {
	if asked {
		return address
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return anyPort
	}
	l.Close()
	return address
}

// hubReady is the first line that picket-hub serve prints.
type hubReady struct {
	Event string `json:"event"`
	Hub   string `json:"hub"`
	UI    string `json:"ui"`
}

func (m *machine) startHub(ctx context.Context) error {
	address, ui := m.address, m.ui
	if address == "" {
		address = free(m.wanted(), m.listen != "")
	}
	if ui == "" {
		ui = free(defaultUIListen, false)
	}
	argv := append([]string{m.hubProg, "serve", "--json", "--dir", m.dir.hub(), "--listen", address, "--ui", ui}, m.hubArgs...)
	hub, err := startChild(m.spawn, "picket-hub", m.dir.log("hub"), argv...)
	if err != nil {
		return err
	}
	m.hub = hub
	ready, err := hub.ready(ctx)
	if err != nil {
		return err
	}
	u, err := url.Parse(ready.Hub)
	if err != nil || u.Host == "" {
		return fmt.Errorf("malformed address %q of the hub", ready.Hub)
	}
	m.address, m.uiURL = u.Host, ready.UI
	return nil
}

// ready waits for the line that says that the hub takes connections.
func (c *child) ready(ctx context.Context) (hubReady, error) {
	timer := time.NewTimer(hubPatience)
	defer timer.Stop()
	for {
		select {
		case line, ok := <-c.lines:
			var r hubReady
			if !ok {
				<-c.done
				return r, c.died()
			}
			if strictjson.Decode([]byte(line), strictjson.Limits{}, &r, func(string) {}) == nil && r.Event == "ready" {
				return r, nil
			}
		case <-timer.C:
			return hubReady{}, fmt.Errorf("%s did not get ready within %v; its log is %s", c.name, hubPatience, c.log)
		case <-ctx.Done():
			return hubReady{}, context.Cause(ctx)
		}
	}
}

// connect writes the profile for client commands and opens our own client.
func (m *machine) connect() error {
	profile, err := client.LoadProfile(m.dir.hub())
	if err != nil {
		return fmt.Errorf("%w; remove %s to start over with a new hub", err, quoteArg(m.dir.hub()))
	}
	profile.Token.Address = m.address
	if err := profile.Save(string(m.dir)); err != nil {
		return err
	}
	m.client, err = client.New(client.Options{Token: profile.Token})
	return err
}

func (m *machine) configureSensor() error {
	c := m.tuning
	c.StateDir, c.Addresses = m.sensorState(), []string{m.address}
	for _, canary := range m.canaries {
		c.Canaries = append(c.Canaries, sensorCanary{canary.ID, canary.Path})
	}
	data, err := strictjson.Encode(c)
	if err != nil {
		return fmt.Errorf("configuring sensor: %w", err)
	}
	if err := os.Mkdir(m.dir.sensor(), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("configuring sensor: %w", err)
	}
	return writeFile(m.sensorFile(), append(data, '\n'))
}

// enroll makes this machine a host of the hub, by the way that every host
// goes. A sensor that has an identity keeps it, and one whose enrollment was
// cut off by a crash goes on with the key that it has.
func (m *machine) enroll(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(m.sensorState(), "identity.json")); err == nil {
		return m.identify(ctx)
	}
	reply, err := m.client.CreateEnrollToken(ctx, api.EnrollTokenRequest{TTLSeconds: 60, Uses: 1, Name: "picket up"})
	if err != nil {
		return err
	}
	if _, err := m.tool(ctx, enrollPatience, strings.NewReader(reply.Token+"\n"), m.senProg, "enroll", "--config", m.sensorFile()); err != nil {
		return fmt.Errorf("enrolling sensor: %w", err)
	}
	return m.identify(ctx)
}

// identity is what of a sensor's identity is of interest here.
type identity struct {
	Host string `json:"host"`
	Hub  string `json:"hub"`
}

// identify learns who this machine is to the hub and lets it in where the hub
// waits for a person to say so: that person started this command.
func (m *machine) identify(ctx context.Context) error {
	path := filepath.Join(m.sensorState(), "identity.json")
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading sensor's identity: %w", err)
	}
	var id identity
	if err := strictjson.Decode(data, strictjson.Limits{}, &id, func(string) {}); err != nil || !wire.ValidHostID(id.Host) {
		return fmt.Errorf("reading sensor's identity: malformed %q; remove %s to enroll anew", path, quoteArg(m.dir.sensor()))
	}
	m.host = id.Host
	for host, err := range m.client.Hosts(ctx) {
		if err != nil {
			return err
		}
		if host.ID != id.Host {
			continue
		}
		switch host.State {
		case api.HostPending:
			_, err = m.client.ApproveHost(ctx, id.Host)
			return err
		case api.HostDisabled:
			return fmt.Errorf("the hub has disabled this host; let it back in with: picket hosts enable %s --dir %s", id.Host, quoteArg(string(m.dir)))
		}
		return nil
	}
	return fmt.Errorf("the hub does not know this sensor (%s); remove %s to enroll anew", id.Host, quoteArg(m.dir.sensor()))
}

// tool runs a program to its end and returns what it printed. Its own error
// message becomes part of ours.
func (m *machine) tool(ctx context.Context, patience time.Duration, stdin *strings.Reader, argv ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	if stdin != nil {
		cmd.Stdin = stdin
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := m.spawn.start(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	switch {
	case err == nil:
		return out.Bytes(), nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, fmt.Errorf("%s did not end within %v", filepath.Base(argv[0]), patience)
	case errs.Len() > 0:
		return nil, fmt.Errorf("%w: %s", err, strings.TrimSpace(errs.String()))
	}
	return nil, err
}

// startSensor starts the sensor with the configuration that was written.
func (m *machine) startSensor() (err error) {
	m.sensor, err = startChild(m.spawn, "picket-sensor", m.dir.log("sensor"), m.senProg, "run", "--config", m.sensorFile())
	return err
}

// tearDown stops the sensor first, so that the hub still gets what it says at
// its end, and then the hub.
func (m *machine) tearDown() {
	m.sensor.stop()
	if m.client != nil {
		m.client.Close()
	}
	m.hub.stop()
	m.spawn.close()
}
