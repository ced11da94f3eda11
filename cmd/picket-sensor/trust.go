package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"picket.internal/internal/version"
	"picket.internal/sensor/send"
)

const trustUsage = `picket-sensor trust - print whom the hub of a token asks hosts to trust

Usage:
  picket-sensor trust [--token-file FILE]

Asks the hub that the enrollment token names, which must prove the key that the
token pins, for its trust store: the keys of the hub and of its operators, as
JSON. It spends no token and changes nothing. install writes the same to
/etc/picket/trust/trust.json.

Flags:
  --token-file FILE  read the token from FILE; without it, from standard input
`

// showTrust prints the trust store of a token's hub.
func showTrust(ctx context.Context, args []string, in io.Reader, out, log io.Writer) error {
	var file string
	err := flags("trust", args, flagSet{"token-file": &file})
	if errors.Is(err, errExtra) {
		return tokenOnCommandLine()
	}
	if err != nil {
		return err
	}
	token, err := readToken(file, in, log)
	if err != nil {
		return err
	}
	trust, err := send.FetchTrust(ctx, token, version.String())
	if err != nil {
		return fmt.Errorf("asking the hub whom to trust: %w", err)
	}
	return printJSON(out, trust)
}
