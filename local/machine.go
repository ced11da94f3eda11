package local

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	"picket.internal/client"
	"picket.internal/strictjson"
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
	hubArgs []string // further arguments of picket-hub serve
	tuning  sensorConfig

	hub      *child
	sensor   *child
	address  string // host:port of the hub; empty before it first ran
	uiListen string // host:port of its web page; empty: the default, or any
	uiURL    string
	client   *client.Client
	canaries []Canary
	host     string // the id that the hub gave this machine
}

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

// free returns the address where it can be listened on, else any port.
func free(address string) string {
	if listenable(address) != nil {
		return anyPort
	}
	return address
}

func listenable(address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	return l.Close()
}

// hubReady is the first line that picket-hub serve prints.
type hubReady struct {
	Event string `json:"event"`
	Hub   string `json:"hub"`
	UI    string `json:"ui"`
}

// startHub starts the hub where it was, or where it is wanted. Between the
// look at a port and the hub's own another program may take it: then any port
// will do, unless a person asked for this one.
func (m *machine) startHub(ctx context.Context) error {
	address, ui := m.address, m.uiListen
	switch {
	case address != "": // sensors and clients look for it there
	case m.listen == "":
		address = free(m.wanted())
	default:
		address = m.listen
		if err := listenable(address); err != nil {
			return fmt.Errorf("%w; choose another --listen, or leave it out for a free port", err)
		}
	}
	if ui == "" {
		ui = free(defaultUIListen)
	}
	err := m.serve(ctx, address, ui)
	var died *ProgramError
	if errors.As(err, &died) && m.address == "" && m.listen == "" {
		err = m.serve(ctx, anyPort, anyPort)
	}
	return err
}

func (m *machine) serve(ctx context.Context, address, ui string) error {
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
	at, err := url.Parse(ready.Hub)
	if err != nil || at.Host == "" {
		return fmt.Errorf("malformed address %q of the hub", ready.Hub)
	}
	m.address, m.uiURL = at.Host, ready.UI
	if page, err := url.Parse(ready.UI); err == nil {
		m.uiListen = page.Host
	}
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
			return hubReady{}, c.trouble(fmt.Sprintf("did not get ready within %v", hubPatience))
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
