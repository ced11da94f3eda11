package client

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"net/url"
	"strings"

	"picket.internal/api"
)

// AccessTokens yields the tokens that let people's programs in.
func (c *Client) AccessTokens(ctx context.Context) iter.Seq2[api.AccessToken, error] {
	return named(c, "listing access tokens", rows[api.AccessToken](ctx, c, api.PathAccessTokens, nil))
}

// CreateAccessToken makes one. It is shown this once.
func (c *Client) CreateAccessToken(ctx context.Context, req api.AccessTokenRequest) (api.AccessTokenReply, error) {
	var out api.AccessTokenReply
	if err := c.document(ctx, http.MethodPost, api.PathAccessTokens, nil, &req, &out); err != nil {
		return out, c.fail("making an access token", err)
	}
	return out, nil
}

// RevokeAccessToken shuts out whoever has the token.
func (c *Client) RevokeAccessToken(ctx context.Context, id string) error {
	var out api.AccessToken
	err := c.document(ctx, http.MethodPost, strings.Replace(api.PathAccessTokenRevoke, "{id}", url.PathEscape(id), 1), nil, nil, &out)
	if errors.Is(err, api.ErrNotFound) {
		return &Error{Doing: "revoking an access token", On: id, Err: explain(err, "there is no such token that is good"), Fix: "see the ids with `picket access list`"}
	}
	if err != nil {
		return c.fail("revoking an access token", err)
	}
	return nil
}
