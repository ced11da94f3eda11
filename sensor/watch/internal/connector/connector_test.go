package connector_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"

	"picket.internal/sensor/watch/internal/connector"
)

// datagram is what the kernel sends of an event with these words behind its head.
func datagram(what uint32, time uint64, words ...uint32) []byte {
	body := binary.NativeEndian.AppendUint32(nil, what)
	body = binary.NativeEndian.AppendUint32(body, 1) // cpu
	body = binary.NativeEndian.AppendUint64(body, time)
	for _, w := range words {
		body = binary.NativeEndian.AppendUint32(body, w)
	}
	b := binary.NativeEndian.AppendUint32(nil, uint32(36+len(body)))
	b = binary.NativeEndian.AppendUint16(b, 3)
	b = append(b, make([]byte, 10)...)
	b = binary.NativeEndian.AppendUint32(b, 1)
	b = binary.NativeEndian.AppendUint32(b, 1)
	b = append(b, make([]byte, 8)...)
	b = binary.NativeEndian.AppendUint16(b, uint16(len(body)))
	b = binary.NativeEndian.AppendUint16(b, 0)
	return append(b, body...)
}

func TestParse(t *testing.T) {
	fork := datagram(connector.Fork, 5, 10, 10, 20, 20)
	for _, c := range []struct {
		name string
		data []byte
		want []connector.Event
	}{
		{"nothing", nil, nil},
		{"fork of a process", fork, []connector.Event{{What: connector.Fork, PID: 20, TGID: 20, Parent: 10, Time: 5}}},
		{"fork of a thread", datagram(connector.Fork, 5, 10, 10, 21, 20), []connector.Event{{What: connector.Fork, PID: 21, TGID: 20, Parent: 10, Time: 5}}},
		{"exec", datagram(connector.Exec, 6, 20, 20, 0, 0, 0, 0), []connector.Event{{What: connector.Exec, PID: 20, TGID: 20, Time: 6}}},
		{"another user", datagram(connector.UID, 6, 20, 20, 0, 33), []connector.Event{{What: connector.UID, PID: 20, TGID: 20, Time: 6}}},
		{"exit", datagram(connector.Exit, 7, 20, 20, 3<<8, 17, 10, 10), []connector.Event{{What: connector.Exit, PID: 20, TGID: 20, Parent: 10, Status: 3 << 8, Time: 7}}},
		{"exit as Linux 4.17 tells it", datagram(connector.Exit, 7, 20, 20, 9, 17), []connector.Event{{What: connector.Exit, PID: 20, TGID: 20, Status: 9, Time: 7}}},
		{"an answer to a request", datagram(0, 0, 0, 0), nil},
		{"a name", datagram(0x200, 7, 20, 20, 1, 2, 3, 4), nil},
		{"two in one", append(bytes.Clone(fork), fork...), []connector.Event{
			{What: connector.Fork, PID: 20, TGID: 20, Parent: 10, Time: 5}, {What: connector.Fork, PID: 20, TGID: 20, Parent: 10, Time: 5}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := connector.Parse(nil, c.data)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	fork := datagram(connector.Fork, 5, 10, 10, 20, 20)
	alter := func(at int, b ...byte) []byte {
		return append(append(bytes.Clone(fork[:at]), b...), fork[at+len(b):]...)
	}
	var many []byte
	for range 65 {
		many = append(many, fork...)
	}
	for name, data := range map[string][]byte{
		"a cut one":                  fork[:len(fork)-1],
		"a head only":                fork[:8],
		"a length over its own":      alter(0, 0xff, 0xff),
		"a length below its head":    alter(0, 4, 0),
		"an inner length over all":   alter(32, 0xff, 0xff),
		"an inner length of nothing": alter(32, 0, 0),
		"an error":                   alter(4, 2, 0),
		"a fork without a child":     datagram(connector.Fork, 5, 10, 10),
		"process 0":                  datagram(connector.Exec, 5, 0, 0),
		"a number over all numbers":  datagram(connector.Exec, 5, 1<<31, 1<<31),
		"too many in one":            many,
	} {
		if _, err := connector.Parse(nil, data); err == nil {
			t.Errorf("%s was believed", name)
		}
	}
}

// FuzzParse reads any datagram. Nothing of it may panic, no event may name a
// process that cannot be, and there are never more events than could be said.
func FuzzParse(f *testing.F) {
	f.Add(datagram(connector.Fork, 5, 10, 10, 20, 20))
	f.Add(datagram(connector.Exit, 7, 20, 20, 9, 17))
	f.Add(append(datagram(connector.Exec, 5, 20, 20), datagram(connector.UID, 6, 20, 20, 0, 0)...))
	f.Fuzz(func(t *testing.T, data []byte) {
		events, err := connector.Parse(nil, data)
		if len(events) > len(data)/36 {
			t.Fatalf("%d events in %d bytes", len(events), len(data))
		}
		for _, ev := range events {
			if ev.PID <= 0 || ev.TGID <= 0 || ev.Parent < 0 || ev.What == connector.Overrun {
				t.Fatalf("event %+v", ev)
			}
		}
		if again, err2 := connector.Parse(events[:len(events):len(events)], data); len(again) != 2*len(events) || (err == nil) != (err2 == nil) {
			t.Fatalf("%d events, then %d more: %v, %v", len(events), len(again)-len(events), err, err2)
		}
	})
}
