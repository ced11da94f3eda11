package hub

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	types "picket.internal/api"
	"picket.internal/hub/internal/store"
	"picket.internal/wire"
)

// AccessTokens lists the tokens that let people's programs in.
func (r responder) AccessTokens(ctx context.Context) ([]types.AccessToken, error) {
	return r.store.AccessTokens(ctx)
}

// CreateAccessToken makes one.
func (r responder) CreateAccessToken(ctx context.Context, req types.AccessTokenRequest) (types.AccessTokenReply, error) {
	if len(req.Name) > types.MaxText {
		return types.AccessTokenReply{}, &types.QueryError{Param: "name", Value: req.Name[:types.MaxText], Reason: "too long"}
	}
	t := wire.AccessToken{Address: r.address, ID: wire.NewTokenID(), Pins: r.pins, Secret: wire.NewSecret()}
	if err := r.store.AddAccessToken(ctx, store.NewToken{ID: t.ID, Secret: t.Secret, Name: req.Name}); err != nil {
		return types.AccessTokenReply{}, err
	}
	return types.AccessTokenReply{ID: t.ID, Token: t.String()}, nil
}

// RevokeAccessToken shuts out whoever has the token.
func (r responder) RevokeAccessToken(ctx context.Context, id string) error {
	return r.store.RevokeAccessToken(ctx, id)
}

// recordSettings writes into the log how the hub is set, where that is another
// than at its last start.
func (h *Hub) recordSettings(ctx context.Context) error {
	listen, ui := orDefault(h.cfg.Listen, h.home.Listen), orDefault(h.cfg.UIListen, h.home.UI)
	detail := map[string]string{"listen": listen, "ui": ui, "advertise": h.cfg.Advertise, "rules": orDefault(h.cfg.Rules, "embedded"),
		"policies": orDefault(h.cfg.Policies, "embedded"), "version": h.cfg.version(),
		"host_actions": strconv.Itoa(h.cfg.HostActions), "attest_every": h.cfg.attestEvery().String(),
		"attest_keep": h.cfg.attestKeep().String()}
	key := ""
	for _, name := range []string{"listen", "ui", "advertise", "rules", "policies", "version", "host_actions", "attest_every", "attest_keep"} {
		key += detail[name] + " "
	}
	sum := sha256.Sum256([]byte(key))
	detail["settings"] = hex.EncodeToString(sum[:])
	return h.store.RecordOnce(ctx, "hub.settings", "", "settings", detail)
}
