//go:build linux

// Command picket-sensor-install sets a host up, and takes that back, as root.
// picket-sensor install and uninstall start it: what is needed once is not in
// the program that runs always.
//
// It must never run as anybody but root, and never take a token from its command
// line.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/term"

	"picket.internal/sensor/install"
	"picket.internal/sensor/send/launch"
	"picket.internal/wire"
)

// Exit statuses, as picket-sensor's.
const (
	exitDone  = 0
	exitNo    = 1
	exitWrong = 2
)

// maxToken is more than any enrollment token takes.
const maxToken = 8 << 10

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// wrongUse is an error that the caller of the program can mend.
type wrongUse struct{ error }

func run(ctx context.Context, args []string, in io.Reader, out, log io.Writer) int {
	name := ""
	if len(args) > 0 {
		name, args = args[0], args[1:]
	}
	var err error
	switch name {
	case "install":
		err = setUp(ctx, args, in, out, log)
	case "uninstall":
		err = takeBack(ctx, args, out)
	default:
		err = wrongUse{errors.New("say what to do: install or uninstall")}
	}
	var wrong wrongUse
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &wrong):
		fmt.Fprintf(log, "picket-sensor: %s\n", printable(err))
		return exitWrong
	}
	fmt.Fprintf(log, "picket-sensor: %s\n", printable(err))
	return exitNo
}

func setUp(ctx context.Context, args []string, in io.Reader, out, log io.Writer) error {
	flags := flag.NewFlagSet("install", flag.ContinueOnError)
	mode := flags.String("launch", "", "")
	tokenFile := flags.String("token-file", "", "")
	if helped, err := parse(flags, args, out, installUsage); err != nil || helped {
		return err
	}
	if *mode != "" && !launch.Mode(*mode).Acts() {
		return wrongUse{fmt.Errorf("--launch %q: it is sudo or socket; see picket-sensor install --help", *mode)}
	}
	cfg := install.Config{Launch: launch.Mode(*mode), Say: out}
	if !install.Enrolled() {
		if f, ok := in.(*os.File); ok && *tokenFile == "" && term.IsTerminal(int(f.Fd())) {
			fmt.Fprintln(log, "picket-sensor: paste the token, then press Enter and Ctrl-D")
		}
		token, err := readToken(*tokenFile, in)
		if err != nil {
			return wrongUse{fmt.Errorf("reading token: %w", err)}
		}
		cfg.Token = token
	}
	return install.Install(ctx, cfg)
}

func takeBack(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("uninstall", flag.ContinueOnError)
	keepState := flags.Bool("keep-state", false, "")
	keepFiles := flags.Bool("keep-files", false, "")
	if helped, err := parse(flags, args, out, uninstallUsage); err != nil || helped {
		return err
	}
	return install.Uninstall(ctx, *keepState, *keepFiles, out)
}

// parse reads the flags of a command, which takes nothing else.
func parse(flags *flag.FlagSet, args []string, out io.Writer, usage string) (helped bool, err error) {
	flags.SetOutput(io.Discard)
	err = flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		_, err = io.WriteString(out, usage)
		return true, err
	case err != nil:
		return false, wrongUse{fmt.Errorf("%w; see picket-sensor %s --help", err, flags.Name())}
	case flags.NArg() > 0:
		return false, wrongUse{fmt.Errorf("%s takes no %q; see picket-sensor %[1]s --help", flags.Name(), flags.Arg(0))}
	}
	return false, nil
}

// readToken reads an enrollment token from a file, or from in where there is no
// name. Errors never quote what was read.
func readToken(file string, in io.Reader) (*wire.Token, error) {
	if file != "" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxToken+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > maxToken:
		return nil, fmt.Errorf("more than %d bytes; give the token alone", maxToken)
	case len(strings.TrimSpace(string(text))) == 0:
		return nil, errors.New("there is none; give it on standard input or by --token-file")
	}
	return wire.ParseToken(string(text))
}

// printable writes an error on one line, without anything that a terminal would
// act on: it may quote a hub or a file.
func printable(err error) string {
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return '?'
		}
		return r
	}, err.Error())
}
