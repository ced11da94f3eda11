// Command picket is the tool of the people who use Picket: it runs all of it
// on one machine (up, demo), asks a hub (alerts, hosts, facts, enroll,
// eat, audit) and
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
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"picket.internal/api"
	"picket.internal/display"
	"picket.internal/terminal"
)

func main() {
	ctx, stop := interruptible()
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr, os.Getenv)
	stop()
	os.Exit(code)
}

// interruptible returns a context that the first Ctrl-C ends, so that a
// command can stop in order; the second one ends the process. So does a reader
// of our output who has gone: the write fails, and the command returns.
func interruptible() (context.Context, context.CancelFunc) {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// run parses the command line, runs the command and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer, getenv func(string) string) int {
	e := &env{options: terminal.Detect(stdout, stderr, getenv), getenv: getenv}
	parser, err := newParser(stdout, stderr)
	if err != nil {
		return exit(e, fmt.Errorf("internal error: %w", err))
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if err == nil {
		parsed.BindTo(ctx, (*context.Context)(nil))
		err = parsed.Run(e)
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = nil // it was asked to end
	}
	return exit(e, err)
}

func newParser(stdout, stderr io.Writer) (*kong.Kong, error) {
	return kong.New(new(cli), kong.Name("picket"), kong.Description(description),
		kong.Writers(stdout, stderr),
		kong.Vars{"rows": fmt.Sprint(api.DefaultLimit)},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, NoAppDescFormat: true, WrapUpperBound: 100}))
}

// errNo is the answer no: everything worked, and this is what came out.
var errNo = errors.New("no")

// usageError is a command line that means nothing.
type usageError struct{ error }

// exit tells what went wrong and returns the exit code for it.
func exit(e *env, err error) int {
	var parse *kong.ParseError
	var usage usageError
	switch {
	case err == nil, errors.Is(err, syscall.EPIPE): // whoever read has seen enough
		return 0
	case errors.Is(err, errNo):
		return 1
	case errors.As(err, &parse):
		fmt.Fprintf(e.options.Err, "picket: %s\n        see %s --help\n", display.Line(err.Error()), commandOf(parse.Context))
		return 2
	case errors.As(err, &usage):
		fmt.Fprintf(e.options.Err, "picket: %s\n", display.Line(err.Error()))
		return 2
	}
	terminal.New(e.options).Error(err)
	if errors.Is(err, api.ErrNotFound) || errors.Is(err, api.ErrConflict) {
		return 1
	}
	return 2
}

// commandOf is the command that was being written when the line went wrong.
func commandOf(ctx *kong.Context) string {
	words := []string{"picket"}
	for _, path := range ctx.Path {
		if path.Command != nil && path.Command.Type == kong.CommandNode {
			words = append(words, path.Command.Name)
		}
	}
	return strings.Join(words, " ")
}
