package fuzz

import (
	"bytes"
	"testing"

	"picket.internal/fact"
	"picket.internal/sensor/link"
	"picket.internal/sensor/watch"
)

// FuzzFrame is the socket between the sensor's two processes: what parses is
// one message whose bytes are the very ones that were read, and on an error
// there is nothing.
func FuzzFrame(f *testing.F) {
	for _, frame := range []link.Frame{
		{Hello: &link.Hello{Version: 1, Stream: [16]byte{1, 2, 3}, Number: 7}},
		{Facts: &link.Facts{Number: 1, Raw: [][]byte{[]byte(`{"kind":"metric"}`), []byte("x")}}},
		{Taken: &link.Taken{Number: 1}},
		{Order: &watch.Order{Resync: &watch.Resync{Of: fact.KindPackage, Fresh: true}}},
		{Order: &watch.Order{Resync: &watch.Resync{Of: fact.KindUser, Held: []watch.Held{{Key: [8]byte{1}, State: [8]byte{2}}}}}},
		{Bye: true},
	} {
		data, err := frame.Append(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		f.Add(append(data, data...))
		f.Add(data[:len(data)-1])
	}
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 'F'})
	f.Fuzz(func(t *testing.T, data []byte) {
		frame, rest, err := link.ParseFrame(data)
		if err != nil {
			if frame != (link.Frame{}) || rest != nil {
				t.Fatalf("an error and a frame: %v, %+v", err, frame)
			}
			return
		}
		set := 0
		for _, is := range []bool{frame.Hello != nil, frame.Facts != nil, frame.Taken != nil, frame.Order != nil, frame.Bye} {
			if is {
				set++
			}
		}
		if set != 1 {
			t.Fatalf("a frame of %d messages: %+v", set, frame)
		}
		again, err := frame.Append(nil)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		if !bytes.Equal(append(again, rest...), data) {
			t.Fatalf("%x was read, %x is written", data, again)
		}
	})
}
