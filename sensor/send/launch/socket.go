package launch

import (
	"context"
	"net"

	"picket.internal/sensor/internal/peer"
)

// bySocket writes the delivery to the root unit's socket, closes its side, and
// reads receipts until the wrapper closes the other.
func (l *Launcher) bySocket(ctx context.Context, delivery []byte, out *output) ([][]byte, error) {
	var d net.Dialer
	plain, err := d.DialContext(ctx, "unix", l.socket)
	if err != nil {
		return nil, fail("launch.failed", "reaching the wrapper's socket: %v", err)
	}
	conn := plain.(*net.UnixConn)
	defer conn.Close()
	// The receipts prove themselves, but the delivery must not go to whoever
	// could make a socket of that name: what it says is not for everybody.
	if owner, err := peer.User(conn); err != nil || owner != l.owner {
		return nil, fail("launch.bad_peer", "who listens at %s is user %d, not %d (%v)", l.socket, owner, l.owner, err)
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if _, err := conn.Write(delivery); err != nil {
		return nil, l.broken(ctx, err)
	}
	if err := conn.CloseWrite(); err != nil {
		return nil, l.broken(ctx, err)
	}
	switch err := out.read(conn); {
	case err == errLong:
		return nil, fail("launch.output_too_long", "the wrapper printed more than %d bytes", maxOutput)
	case err != nil && err != errEnough:
		return out.receipts, l.broken(ctx, err)
	}
	switch {
	case out.printed():
		return out.receipts, nil
	case len(delivery) == 0 && out.well:
		return nil, fail(NoReceipt, "there is none")
	}
	return nil, fail("launch.failed", "the wrapper failed; journalctl -u 'picket-wrapper@*' says why")
}

func (l *Launcher) broken(ctx context.Context, err error) *Error {
	if ctx.Err() != nil {
		return fail("launch.timeout", "the wrapper has not ended within %s", l.within)
	}
	return fail("launch.failed", "talking to the wrapper: %v", err)
}
