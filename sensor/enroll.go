package sensor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"picket.internal/sensor/send"
	"picket.internal/wire"
)

// Enrollment is what became of an enrollment.
type Enrollment struct {
	Host    string `json:"host"`    // the id that the hub gave this host
	Hub     string `json:"hub"`     // the hub's id
	Address string `json:"address"` // where the hub is
	State   string `json:"state"`   // enrolled, or pending until a person approves the host
}

// Enroll makes this host known to the hub that the token names, and stores its
// identity in the state folder, which it makes where there is none. A folder
// that holds an identity already is left as it is.
func Enroll(ctx context.Context, stateDir string, token *wire.Token, version string) (e Enrollment, err error) {
	state, err := send.CreateState(stateDir)
	if err != nil {
		return Enrollment{}, err
	}
	defer func() { err = errors.Join(err, state.Close()) }()
	machine := thisMachine()
	if machine.Wrapper, err = wrapperKey(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Enrollment{}, fmt.Errorf("reading the wrapper's key: %w", err)
	}
	id, fate, err := state.Enroll(ctx, token, machine, version)
	if err != nil {
		return Enrollment{}, err
	}
	return Enrollment{Host: id.Host, Hub: id.Hub, Address: token.Address, State: fate}, nil
}
