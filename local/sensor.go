package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"picket.internal/api"
	"picket.internal/strictjson"
	"picket.internal/wire"
)

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

// startSensor starts the sensor with the configuration that was written.
func (m *machine) startSensor() (err error) {
	m.sensor, err = startChild(m.spawn, "picket-sensor", m.dir.log("sensor"), m.senProg, "run", "--config", m.sensorFile())
	return err
}
