package dbus_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"picket.internal/internal/testneed"
	"picket.internal/sensor/watch/internal/dbus"
)

var patterns = []string{"*.service", "*.socket"}

// script answers as recorded, and keeps what was asked.
type script struct {
	io.Reader
	asked bytes.Buffer
}

func (s *script) Write(b []byte) (int, error) { return s.asked.Write(b) }

func recorded(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/systemd-252.bin")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestUnits reads what a real systemd said.
func TestUnits(t *testing.T) {
	bus := &script{Reader: bytes.NewReader(recorded(t))}
	units, err := dbus.Over(bus, true, patterns)
	if err != nil {
		t.Fatal(err)
	}
	if len(units) != 79 {
		t.Errorf("%d units, systemctl lists 79", len(units))
	}
	of := make(map[string]dbus.Unit)
	for _, u := range units {
		of[u.Name] = u
	}
	for _, want := range []dbus.Unit{
		{Name: "cron.service", Load: "loaded", Active: "active"},
		{Name: "dbus.socket", Load: "loaded", Active: "active"},
		{Name: "rescue.service", Load: "loaded", Active: "inactive"},
		{Name: "systemd-udev-trigger.service", Load: "not-found", Active: "inactive"},
	} {
		if diff := cmp.Diff(want, of[want.Name]); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	asked := bus.asked.String()
	for _, part := range []string{"\x00AUTH EXTERNAL 3", "BEGIN\r\n", "Hello", "ListUnitsByPatterns", "*.socket"} {
		if !strings.Contains(asked, part) {
			t.Errorf("it never said %q", part)
		}
	}
}

// TestCutAnywhere: an answer that ends early is an error, wherever it ends.
func TestCutAnywhere(t *testing.T) {
	data := recorded(t)
	for n := 0; n < len(data); n += 7 {
		units, err := dbus.Over(&script{Reader: bytes.NewReader(data[:n])}, true, patterns)
		if err == nil || units != nil {
			t.Fatalf("cut to %d bytes: %d units, %v", n, len(units), err)
		}
	}
}

// serve answers on a socket with f until the test ends.
func serve(t *testing.T, f func(net.Conn)) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bus")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				f(c)
			}()
		}
	}()
	return path
}

// TestThreat_S14_BusThatNeverAnswers: neither silence nor a flow without end
// keeps the sensor for longer than it was given.
func TestThreat_S14_BusThatNeverAnswers(t *testing.T) {
	released := make(chan struct{})
	defer close(released)
	for name, f := range map[string]func(net.Conn){
		"silent": func(net.Conn) { <-released },
		"drip": func(c net.Conn) {
			for tick := time.NewTicker(20 * time.Millisecond); ; {
				if _, err := c.Write([]byte("x")); err != nil {
					tick.Stop()
					return
				}
				<-tick.C
			}
		},
		"announces 16 MiB": func(c net.Conn) {
			c.Write([]byte("OK 1234\r\nl\x02\x01\x01\x00\x00\x00\x01\x01\x00\x00\x00\x00\x00\x00\x00"))
			<-released
		},
	} {
		path := serve(t, f)
		start := time.Now()
		units, err := dbus.Units(context.Background(), path, true, 200*time.Millisecond, patterns)
		if err == nil || units != nil {
			t.Errorf("%s: %d units, %v", name, len(units), err)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%s: took %v", name, took)
		}
	}
}

// TestHostileBus: what is not the protocol is an error, at once.
func TestHostileBus(t *testing.T) {
	message := func(kind byte, fields, body string) string {
		le := binary.LittleEndian
		m := []byte{'l', kind, 0, 1}
		m = le.AppendUint32(m, uint32(len(body)))
		m = le.AppendUint32(m, 1)
		m = le.AppendUint32(m, uint32(len(fields)))
		return string(m) + fields + strings.Repeat("\x00", (8-len(fields)%8)%8) + body
	}
	reply := func(serial byte) string { return "\x05\x01u\x00" + string(serial) + "\x00\x00\x00" }
	hello := message(2, reply(1), "")
	list := "\x08\x01g\x00\x0da(ssssssouso)\x00"
	for name, answer := range map[string]string{
		"refused":         "REJECTED EXTERNAL\r\n",
		"endless line":    strings.Repeat("OK ", 1000),
		"no order":        "OK 1\r\n" + strings.Repeat("x", 16),
		"too large":       "OK 1\r\nl\x02\x00\x01\xff\xff\xff\xff" + strings.Repeat("\x00", 8),
		"header too long": "OK 1\r\nl\x02\x00\x01\x00\x00\x00\x00\x01\x00\x00\x00\xff\xff\xff\xff",
		"unknown field":   "OK 1\r\n" + message(2, "\x05\x01v\x00\x01\x00\x00\x00", ""),
		"only signals":    "OK 1\r\n" + strings.Repeat(message(4, reply(9), ""), 100),
		"other type":      "OK 1\r\n" + hello + message(2, reply(2), "\x00\x00\x00\x00"),
		"length lies":     "OK 1\r\n" + hello + message(2, reply(2)+list, "\x10\x00\x00\x00\x00\x00\x00\x00"),
		"text too long":   "OK 1\r\n" + hello + message(2, reply(2)+list, "\x08\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff\x00\x00\x00\x00"),
	} {
		units, err := dbus.Over(&script{Reader: strings.NewReader(answer)}, true, patterns)
		if err == nil || units != nil {
			t.Errorf("%s: %d units, %v", name, len(units), err)
		} else {
			t.Logf("%s: %v", name, err)
		}
	}
}

// TestOldSystemd: one that has no patterns is asked for everything.
func TestOldSystemd(t *testing.T) {
	path := serve(t, func(c net.Conn) {
		in := bufio.NewReader(c)
		in.ReadString('\n')
		c.Write([]byte("OK 1\r\n"))
		in.ReadString('\n')
		for serial := byte(1); ; serial++ {
			var head [16]byte
			if _, err := io.ReadFull(in, head[:]); err != nil {
				return
			}
			fields := binary.LittleEndian.Uint32(head[12:])
			rest := make([]byte, int(fields+7)/8*8+int(binary.LittleEndian.Uint32(head[4:])))
			io.ReadFull(in, rest)
			answer := "\x05\x01u\x00" + string(serial) + "\x00\x00\x00\x08\x01g\x00\x0da(ssssssouso)\x00"
			kind, body := byte(2), "\x00\x00\x00\x00\x00\x00\x00\x00"
			if bytes.Contains(rest, []byte("ListUnitsByPatterns")) {
				name := "org.freedesktop.DBus.Error.UnknownMethod"
				kind, body = 3, ""
				answer = answer[:8] + "\x04\x01s\x00" + string(byte(len(name))) + "\x00\x00\x00" + name + "\x00"
			}
			m := []byte{'l', kind, 0, 1}
			m = binary.LittleEndian.AppendUint32(m, uint32(len(body)))
			m = binary.LittleEndian.AppendUint32(m, 1)
			m = binary.LittleEndian.AppendUint32(m, uint32(len(answer)))
			c.Write([]byte(string(m) + answer + strings.Repeat("\x00", (8-len(answer)%8)%8) + body))
		}
	})
	units, err := dbus.Units(context.Background(), path, false, 10*time.Second, patterns)
	if err != nil || len(units) != 0 {
		t.Errorf("%v, %v", units, err)
	}
}

// TestRealBus speaks with the reference implementation, on which there is no
// systemd.
func TestRealBus(t *testing.T) {
	daemon := testneed.Command(t, "dbus-daemon", "apt-get install dbus")
	dir := t.TempDir()
	socket, config := filepath.Join(dir, "bus"), filepath.Join(dir, "bus.conf")
	os.WriteFile(config, []byte(`<busconfig><listen>unix:path=`+socket+`</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*"/><allow own="*"/><allow receive_sender="*"/></policy></busconfig>`), 0o644)
	cmd := exec.Command(daemon, "--config-file="+config, "--nofork", "--print-address=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	units, err := dbus.Units(context.Background(), socket, true, 10*time.Second, patterns)
	var answer dbus.Error
	if !errors.As(err, &answer) || !strings.Contains(string(answer), "ServiceUnknown") || units != nil {
		t.Errorf("%v, %v: want that nobody is systemd there", units, err)
	}
}

// FuzzConversation: whatever comes from the socket, the answer is units or an
// error and never both, and what an answer holds cannot outgrow what was sent.
func FuzzConversation(f *testing.F) {
	data := recorded(f)
	f.Add(data)
	f.Add(data[:200])
	f.Add([]byte("OK 1\r\nB\x02\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x08\x05\x01u\x00\x00\x00\x00\x01"))
	f.Fuzz(func(t *testing.T, data []byte) {
		units, err := dbus.Over(&script{Reader: bytes.NewReader(data)}, true, patterns)
		if err != nil && units != nil {
			t.Fatalf("%d units and %v", len(units), err)
		}
		for _, u := range units {
			if len(u.Name)+len(u.Load)+len(u.Active) > len(data) {
				t.Fatalf("%d bytes of input made %+v", len(data), u)
			}
		}
		units, err = dbus.ParseUnits(data, binary.LittleEndian)
		if err != nil && units != nil || len(units)*44 > len(data) {
			t.Fatalf("%d units of %d bytes, %v", len(units), len(data), err)
		}
	})
}
