package wire_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"picket.internal/wire"
)

func TestOrdersAreReadStrictly(t *testing.T) {
	o := &wire.Orders{Host: exampleHost, Boot: "3f1f7a52-6f0e-4d0b-9c7e-0d8f5a1b2c3d", Seen: 17}
	data, err := o.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"boot":"3f1f7a52-6f0e-4d0b-9c7e-0d8f5a1b2c3d","host":"` + exampleHost + `","seen":17,"v":1}`; string(data) != want {
		t.Errorf("wrote %s, want %s", data, want)
	}
	got, err := wire.ParseOrders(data)
	if err != nil || got.Host != o.Host || got.Boot != o.Boot || got.Seen != 17 {
		t.Errorf("read %+v, %v", got, err)
	}
	for name, spoil := range map[string]string{
		"another version":  strings.Replace(string(data), `"v":1`, `"v":2`, 1),
		"no boot":          strings.Replace(string(data), `3f1f7a52-6f0e-4d0b-9c7e-0d8f5a1b2c3d`, ``, 1),
		"a boot in upper":  strings.Replace(string(data), `3f1f7a52`, `3F1F7A52`, 1),
		"a boot of dashes": strings.Replace(string(data), `3f1f7a52-6f0e`, `3f1f7a5-26f0e`, 1),
		"less than none":   strings.Replace(string(data), `17`, `-1`, 1),
		"a part":           strings.Replace(string(data), `17`, `1.5`, 1),
		"more":             strings.Replace(string(data), `{`, `{"x":1,`, 1),
		"another host":     strings.Replace(string(data), exampleHost, `web1`, 1),
	} {
		if got, err := wire.ParseOrders([]byte(spoil)); err == nil || got != nil {
			t.Errorf("%s: read %+v", name, got)
		}
	}
	if _, err := (&wire.Orders{Host: exampleHost}).Encode(); !errors.Is(err, wire.ErrOrders) {
		t.Errorf("without a boot: %v", err)
	}
}

func TestReceiptsReply(t *testing.T) {
	data, err := wire.ReceiptsReply{Seq: 1 << 60}.Encode()
	if err != nil || string(data) != `{"seq":"1152921504606846976","v":1}` {
		t.Fatalf("wrote %s, %v", data, err)
	}
	if r, err := wire.ParseReceiptsReply([]byte(`{"v":1,"seq":"7","more":true}`)); err != nil || r.Seq != 7 {
		t.Errorf("read %+v, %v", r, err)
	}
	if _, err := wire.ParseReceiptsReply([]byte(`{"v":2,"seq":"7"}`)); err == nil {
		t.Error("another version was read")
	}
}

// The wrapper's key is the new host's word, signed with the host key like the
// rest of the request.
func TestEnrollmentCarriesTheWrappersKey(t *testing.T) {
	key, wrapper := exampleKey(t, 1), exampleKey(t, 9)
	r := &wire.EnrollRequest{Token: exampleToken, Secret: strings.Repeat("A", 43), Machine: strings.Repeat("0", 64), Name: "web1", OS: "linux",
		Kernel: "6.1", Architecture: "amd64", Version: "v1", Sent: time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)}
	without, err := wire.SealEnroll(r, key)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := wire.OpenEnroll(without, key.Public()); err != nil || !got.Wrapper.IsZero() {
		t.Errorf("without one: %+v, %v", got, err)
	}
	r.Wrapper = wrapper.Public()
	with, err := wire.SealEnroll(r, key)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := wire.OpenEnroll(with, key.Public()); err != nil || got.Wrapper != wrapper.Public() {
		t.Errorf("with one: %+v, %v", got, err)
	}
}
