package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"picket.internal/internal/version"
	"picket.internal/sensor"
	"picket.internal/sensor/send"
	"picket.internal/wire"
)

// looksLikeToken tells whether an argument holds an enrollment token, wherever
// it stands, or the flag that someone would give one with.
func looksLikeToken(arg string) bool {
	const least = 40 // of a token; a file may be named like its beginning
	_, after, found := strings.Cut(arg, "pkt1.")
	flag, _, _ := strings.Cut(arg, "=")
	return found && len(after) >= least || flag == "-token" || flag == "--token"
}

// tokenOnCommandLine refuses a token that others can have read by now, without
// repeating it.
func tokenOnCommandLine() error {
	return &wrongUse{fmt.Errorf("%w: everyone on this machine can read a command line, in ps and in the shell's history; "+
		"make another token with picket enroll token, and give it on standard input or by --token-file", send.ErrTokenOnCommandLine), "enroll"}
}

// enroll makes this host known to the hub of a token.
func enroll(ctx context.Context, args []string, in io.Reader, out, log io.Writer) error {
	var config, dir, tokenFile string
	var asJSON bool
	err := flags("enroll", args, flagSet{"config": &config, "state": &dir, "token-file": &tokenFile, "json": &asJSON})
	if errors.Is(err, errExtra) { // what else would it be
		return tokenOnCommandLine()
	}
	if err != nil {
		return err
	}
	if (config == "") == (dir == "") {
		return &wrongUse{errors.New("say where the identity goes: --config FILE or --state DIR"), "enroll"}
	}
	if config != "" {
		cfg, _, err := load(config, "enroll", sensor.LoadConfig)
		if err != nil {
			return err
		}
		dir = cfg.StateDir
	}
	secret, err := readToken(tokenFile, in, log)
	if err != nil {
		return err
	}
	e, err := sensor.Enroll(ctx, dir, secret, version.String())
	if err != nil {
		return err
	}
	return tell(e, asJSON, out)
}

// tell prints what became of the enrollment.
func tell(e sensor.Enrollment, asJSON bool, out io.Writer) error {
	if asJSON {
		return printJSON(out, e)
	}
	if _, err := fmt.Fprintf(out, "%s as %s at hub %s (%s)\n", e.State, e.Host, e.Hub, e.Address); err != nil {
		return err
	}
	if e.State != wire.StatePending {
		return nil
	}
	_, err := fmt.Fprintln(out, "a person must approve this host at the hub before it is heard")
	return err
}

// readToken reads an enrollment token, and asks a person for it.
func readToken(file string, in io.Reader, log io.Writer) (*wire.Token, error) {
	if file == "" && isTerminal(in) {
		fmt.Fprintln(log, "picket-sensor: paste the token, then press Enter and Ctrl-D")
	}
	token, err := send.ReadToken(file, in)
	if err != nil {
		return nil, &wrongUse{err, ""}
	}
	return token, nil
}

func isTerminal(in io.Reader) bool {
	f, ok := in.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
