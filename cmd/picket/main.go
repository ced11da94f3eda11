// Command picket is the tool of the people who use Picket: it runs all of it
// on one machine (up, demo), asks a hub (alerts, hosts, facts, enroll) and
// checks rules (rules).
//
// Every command that prints data takes --json and then prints one document a
// line. Exit codes: 0 done, 1 the answer is no (a lint finding, a failed test,
// an alert that did not come), 2 wrong use or broken input.
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
)

const description = `Host security without eBPF.

    $ picket up                      # run Picket here, follow alerts
    $ picket alerts list --since 1h  # in another terminal
    $ picket alerts show 01JC…       # all there is to know about one`

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Getenv))
}

// run parses the command line, runs the command and returns the exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer, getenv func(string) string) int {
	var c cli
	parser, err := kong.New(&c, kong.Name("picket"), kong.Description(description),
		kong.Writers(stdout, stderr),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, NoAppDescFormat: true, WrapUpperBound: 100}))
	if err != nil {
		return fail(stderr, fmt.Errorf("internal error: %w", err))
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return misuse(stderr, err)
	}
	ctx, stop := interruptible()
	defer stop()
	parsed.BindTo(ctx, (*context.Context)(nil))
	return fail(stderr, parsed.Run(&env{cli: &c, stdin: stdin, stdout: stdout, stderr: stderr, getenv: getenv}))
}

// interruptible returns a context that the first Ctrl-C ends, so that a
// command can stop in order; the second one ends the process.
func interruptible() (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// errNo is the answer no: everything worked, and this is what came out.
var errNo = errors.New("no")

// usageError is a command line that means nothing.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// fail reports an error and returns the exit code for it.
func fail(stderr io.Writer, err error) int {
	switch {
	case err == nil, errors.Is(err, syscall.EPIPE): // whoever read has seen enough
		return 0
	case errors.Is(err, errNo):
		return 1
	case errors.As(err, new(usageError)):
		return misuse(stderr, err)
	}
	fmt.Fprintf(stderr, "picket: %s\n", display.Line(err.Error()))
	return 2
}

func misuse(stderr io.Writer, err error) int {
	command := "picket"
	var parse *kong.ParseError
	if errors.As(err, &parse) {
		if node := parse.Context.Selected(); node != nil {
			command = "picket " + node.Path()
		}
	}
	fmt.Fprintf(stderr, "picket: %s\n%s --help tells how it is used\n", display.Line(err.Error()), command)
	return 2
}
