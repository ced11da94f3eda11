package sensor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"picket.internal/eat"
	"picket.internal/envelope"
	"picket.internal/sensor/eventlog"
	"picket.internal/sensor/send"
	"picket.internal/sensor/send/launch"
	"picket.internal/sensor/watch"
)

// Files of root's that everybody may read.
const (
	trustFile      = "/etc/picket/trust/trust.json"
	wrapperKeyFile = "/etc/picket/wrapper.pub"
)

// maxTrust is more than any trust store takes.
const maxTrust = 64 << 10

// orders is what asks the hub for Emergency Action Tokens, where the host is
// set up to act on them; nothing where it is not.
func (c *Config) orders(id *send.Identity, out watch.Sink, log *eventlog.Logger) ([]func(context.Context) error, error) {
	if !c.Launch.Acts() {
		return nil, nil
	}
	sending := c.sending(id, nil, log)
	o, err := send.NewOrders(send.OrdersConfig{
		Identity: id, Addresses: sending.Addresses, Version: sending.Version, Boot: sending.Boot,
		Trust: trustStore, WrapperKey: wrapperKey, Launch: launch.New(c.Launch).Launch, Report: out,
		RetryMin: time.Duration(c.Send.RetryMin), RetryMax: time.Duration(c.Send.RetryMax), Logger: log,
	})
	if err != nil {
		return nil, err
	}
	return []func(context.Context) error{o.Run}, nil
}

func trustStore() (*eat.TrustStore, error) {
	data, err := readBounded(trustFile, maxTrust)
	if err != nil {
		return nil, &eat.Refusal{ID: eat.ErrTrust.ID, Detail: err.Error()}
	}
	return eat.ParseTrust(data)
}

// wrapperKey is the key with which the wrapper signs receipts.
func wrapperKey() (envelope.PublicKey, error) {
	data, err := readBounded(wrapperKeyFile, 1<<10)
	if err != nil {
		return envelope.PublicKey{}, err
	}
	var key envelope.PublicKey
	if err := key.UnmarshalText([]byte(strings.TrimSpace(string(data)))); err != nil {
		return envelope.PublicKey{}, fmt.Errorf("malformed %q: %w", wrapperKeyFile, err)
	}
	return key, nil
}
