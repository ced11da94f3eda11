package hub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"picket.internal/eat"
	"picket.internal/eat/sealing"
	"picket.internal/hub/internal/home"
	"picket.internal/hub/internal/store"
	"picket.internal/wire"
)

// InitConfig says what hub to make. Dir must be set.
type InitConfig struct {
	// Dir is the folder to make; it may exist, but hold no hub.
	Dir string
	// Listen is the address for sensors and clients, host:port; empty means
	// DefaultListen. A port of 0 means any, chosen at each start.
	Listen string
	// UIListen is the address of the web page, or NoUI; empty means DefaultUI.
	UIListen string
}

// Initialised is what Init made.
type Initialised struct {
	// Hub is the new hub's id.
	Hub string
	// Profile is the file that holds the first access token: Init leaves it
	// there, for its owner only, and shows it nowhere.
	Profile string
	// Pins are the keys by which clients know the hub.
	Pins []wire.Pin
}

// Init makes a hub's folder: its identity, its keys, an empty database and a
// first access token. It never overwrites; where it fails it leaves nothing of
// its own behind.
func Init(ctx context.Context, cfg InitConfig) (_ *Initialised, err error) {
	listen, ui := orDefault(cfg.Listen, DefaultListen), orDefault(cfg.UIListen, DefaultUI)
	for _, address := range []string{listen, ui} {
		if _, _, err := net.SplitHostPort(address); err != nil && address != NoUI {
			return nil, fmt.Errorf("malformed address %q: %w", address, err)
		}
	}
	h, err := home.Create(home.Dir(cfg.Dir), listen, ui)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.Discard())
		}
	}()
	opts := optionsOf(h)
	if err := store.Create(ctx, h.Dir.Database(), opts); err != nil {
		return nil, err
	}
	if err := firstToken(ctx, h, opts); err != nil {
		return nil, err
	}
	return &Initialised{Hub: h.Hub, Profile: h.Dir.Profile(), Pins: h.Pins}, nil
}

func firstToken(ctx context.Context, h *home.Home, opts store.Options) (err error) {
	s, err := store.Open(ctx, h.Dir.Database(), opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	t := &wire.AccessToken{Address: h.Listen, ID: wire.NewTokenID(), Pins: h.Pins, Secret: wire.NewSecret()}
	if err := s.AddAccessToken(ctx, store.NewToken{ID: t.ID, Secret: t.Secret, Name: "init"}); err != nil {
		return err
	}
	return h.WriteProfile(t)
}

// Backup copies a hub's database into a new file, and may run beside the hub.
// The keys are not in it: keep a copy of the folder's keys elsewhere, a new one
// whenever a key was changed.
func Backup(ctx context.Context, dir, to string) error {
	h, err := home.Open(home.Dir(dir))
	if err != nil {
		return err
	}
	return store.Backup(ctx, h.Dir.Database(), to, optionsOf(h))
}

// CheckReport is what Check found.
type CheckReport = store.Report

// Check verifies a hub's folder from the stored bytes up, see store.Check. It
// writes nothing and may run beside the hub.
func Check(ctx context.Context, dir string, log *slog.Logger) (*CheckReport, error) {
	h, err := home.Open(home.Dir(dir))
	if err != nil {
		return nil, err
	}
	opts := optionsOf(h)
	opts.Logger, opts.Now = log, time.Now
	if len(h.Evidence) > 0 {
		opts.OpenEvidence = func(c *eat.Chunk) ([]byte, error) { return sealing.Open(c, h.Evidence...) }
	}
	return store.Check(ctx, h.Dir.Database(), opts)
}
