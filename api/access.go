package api

import "time"

// AccessToken is a token that lets a person's program in, without its secret.
type AccessToken struct {
	// ID is the half of the token that may be seen; the log names it as who asked.
	ID string `json:"id"`
	// Name is a note of who made it.
	Name string `json:"name,omitempty"`
	// Created is when it was made, by the hub's clock.
	Created time.Time `json:"created"`
	// Revoked is true where it lets nobody in any more.
	Revoked bool `json:"revoked"`
}

// AccessTokenRequest asks for an access token.
type AccessTokenRequest struct {
	// Name is a note for whoever looks at the list of tokens, at most MaxText bytes.
	Name string `json:"name,omitempty"`
}

// AccessTokenReply is a new access token. It is shown this once.
type AccessTokenReply struct {
	// ID is the half that may be seen.
	ID string `json:"id"`
	// Token is the whole token.
	Token string `json:"token"`
}
