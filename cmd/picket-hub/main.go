// Command picket-hub is the server: init makes its folder, serve runs it, check
// verifies what it has stored, backup copies it, keys changes its keys.
//
// It listens on two addresses: one for sensors and clients (TLS 1.3, HTTP/2,
// pinned keys), one for the web page. Logs go to standard error, one event a
// line; standard output carries only what a command answers.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"picket.internal/display"
	"picket.internal/hub"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

const description = `The Picket hub: takes what sensors sign, keeps it, and raises alerts.

  $ picket-hub init --dir /var/lib/picket-hub
  $ picket-hub serve --dir /var/lib/picket-hub
  $ PICKET_DIR=/var/lib/picket-hub picket enroll token

Exit codes: 0 done, 1 the answer is no (check found a fault), 2 wrong use or
broken input.`

// cli is the grammar of the command line.
type cli struct {
	Init   initCmd   `cmd:"" help:"Make a hub's folder: identity, keys, database, first access token."`
	Serve  serveCmd  `cmd:"" help:"Serve until told to stop."`
	Check  checkCmd  `cmd:"" help:"Verify everything stored, from the signed bytes up."`
	Backup backupCmd `cmd:"" help:"Copy the database into a new file, beside a running hub."`
	Keys   keysCmd   `cmd:"" help:"List and change the hub's keys, beside a running hub."`
}

// env is what commands write to.
type env struct {
	out, err io.Writer
}

// errNo is the answer no: everything worked, and this is what came out.
var errNo = errors.New("no")

// run parses the command line, runs the command and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	helped := -1
	parser, err := newParser(stdout, stderr, func(code int) { helped = code })
	if err != nil {
		return exit(stderr, fmt.Errorf("internal error: %w", err))
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if helped >= 0 {
		return helped
	}
	if err == nil {
		parsed.BindTo(ctx, (*context.Context)(nil))
		err = parsed.Run(&env{out: stdout, err: stderr})
	}
	return exit(stderr, err)
}

func newParser(stdout, stderr io.Writer, helped func(code int)) (*kong.Kong, error) {
	return kong.New(new(cli), kong.Name("picket-hub"), kong.Description(description),
		kong.Writers(stdout, stderr), kong.Exit(helped),
		kong.Vars{"listen": hub.DefaultListen, "ui": hub.DefaultUI, "noui": hub.NoUI},
		kong.ConfigureHelp(kong.HelpOptions{NoAppDescFormat: true, WrapUpperBound: 100}))
}

func exit(stderr io.Writer, err error) int {
	var parse *kong.ParseError
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errNo):
		return 1
	case errors.As(err, &parse):
		fmt.Fprintf(stderr, "picket-hub: %s\n            see picket-hub --help\n", display.Line(err.Error()))
	default:
		fmt.Fprintf(stderr, "picket-hub: %s\n", display.Line(err.Error()))
	}
	return 2
}
