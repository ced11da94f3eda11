// Command picket-sensor watches a host and sends what it does, signed, to a
// hub. It listens on nothing, prints logs to standard error, one event a line,
// and runs no other program than the wrapper; for install and uninstall, which are
// root's, it becomes another program.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"picket.internal/internal/version"
	"picket.internal/sensor"
	"picket.internal/sensor/eventlog"
	"picket.internal/sensor/link"
	"picket.internal/sensor/send"
	"picket.internal/strictjson"
)

// Exit statuses.
const (
	exitDone  = 0
	exitNo    = 1 // the answer is no
	exitWrong = 2 // wrong use or broken input
)

// gcPercent has the heap grow by a quarter between two collections instead of
// doubling: the sensor makes little garbage, and what a host has memory for is
// its own work. An operator's GOGC comes first.
const gcPercent = 25

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the program at once.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// wrongUse is an error that the caller of the program can mend.
type wrongUse struct {
	err  error
	help string // the command whose help says more; empty for none
}

func (w *wrongUse) Error() string { return w.err.Error() }
func (w *wrongUse) Unwrap() error { return w.err }

// command is one of the words that may follow the program's name.
type command struct {
	usage string
	run   func(ctx context.Context, args []string, in io.Reader, out, log io.Writer) error
}

var commands = map[string]command{
	"doctor":  {doctorUsage, examine},
	"enroll":  {enrollUsage, enroll},
	"run":     {runUsage, follow("run", sensor.LoadConfig, sensor.Run)},
	"watch":   {watchUsage, follow("watch", sensor.LoadWatchConfig, sensor.RunWatch)},
	"send":    {sendUsage, follow("send", sensor.LoadConfig, sensor.RunSend)},
	"trust":   {trustUsage, showTrust},
	"version": {versionUsage, showVersion},
}

// find looks a command up, also among those that not every system has.
func find(name string) (command, bool) {
	c, ok := commands[name]
	if !ok {
		c, ok = system[name]
	}
	return c, ok
}

// run does what the arguments ask for and returns the exit status.
func run(ctx context.Context, args []string, in io.Reader, out, log io.Writer) int {
	err := dispatch(ctx, args, in, out, log)
	var wrong *wrongUse
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &wrong):
		fmt.Fprintf(log, "picket-sensor: %s\n", printable(err))
		if wrong.help != "" {
			fmt.Fprintf(log, "  see picket-sensor help %s\n", wrong.help)
		}
		return exitWrong
	case broken(err):
		fmt.Fprintf(log, "picket-sensor: %s\n", printable(err))
		return exitWrong
	}
	fmt.Fprintf(log, "picket-sensor: %s\n", printable(err))
	return exitNo
}

func dispatch(ctx context.Context, args []string, in io.Reader, out, log io.Writer) error {
	if slices.ContainsFunc(args, looksLikeToken) {
		return tokenOnCommandLine()
	}
	if len(args) == 0 {
		return &wrongUse{errors.New("say what to do: doctor, enroll, install, uninstall, run, watch, send, trust, version or help"), ""}
	}
	name, args := args[0], args[1:]
	switch name {
	case "help", "-h", "-help", "--help":
		return help(args, out)
	case "-version", "--version":
		name = "version"
	}
	c, ok := find(name)
	if !ok {
		return &wrongUse{fmt.Errorf("there is no command %q; there are doctor, enroll, install, uninstall, run, watch, send, trust, version and help", name), ""}
	}
	if err := c.run(ctx, args, in, out, log); !errors.Is(err, errHelp) {
		return err
	}
	_, err := io.WriteString(out, c.usage)
	return err
}

func help(args []string, out io.Writer) error {
	text := usage
	if len(args) > 0 {
		c, ok := find(args[0])
		if !ok {
			return &wrongUse{fmt.Errorf("there is no command %q; there are doctor, enroll, install, uninstall, run, watch, send and version", args[0]), ""}
		}
		if c.usage == "" {
			return c.run(context.Background(), []string{"--help"}, nil, out, out)
		}
		text = c.usage
	}
	_, err := io.WriteString(out, text)
	return err
}

func showVersion(_ context.Context, args []string, _ io.Reader, out, _ io.Writer) error {
	var asJSON bool
	err := flags("version", args, flagSet{"json": &asJSON})
	if err != nil {
		return err
	}
	if !asJSON {
		_, err = fmt.Fprintf(out, "picket-sensor %s\n", version.String())
		return err
	}
	return printJSON(out, struct {
		Version string `json:"version"`
	}{version.String()})
}

// follow is a command that runs until it is told to stop.
func follow(
	name string,
	read func(path string) (sensor.Config, error),
	do func(context.Context, sensor.Config, *eventlog.Logger) error,
) func(context.Context, []string, io.Reader, io.Writer, io.Writer) error {
	return func(ctx context.Context, args []string, _ io.Reader, _, log io.Writer) error {
		var file string
		err := flags(name, args, flagSet{"config": &file})
		if err != nil {
			return err
		}
		cfg, level, err := load(file, name, read)
		if err != nil {
			return err
		}
		return do(ctx, cfg, eventlog.New(log, level))
	}
}

// load reads the configuration that a command was given.
func load(file, name string, read func(path string) (sensor.Config, error)) (sensor.Config, eventlog.Level, error) {
	if file == "" {
		return sensor.Config{}, 0, &wrongUse{errors.New("say which configuration: --config FILE"), name}
	}
	cfg, err := read(file)
	if err != nil {
		return sensor.Config{}, 0, &wrongUse{err, ""}
	}
	cfg.Version = version.String()
	level, err := cfg.Level()
	return cfg, level, err
}

// broken tells errors of the state folder, which is input too, from a no.
func broken(err error) bool {
	for _, e := range []error{send.ErrNotEnrolled, send.ErrAlreadyEnrolled, send.ErrStateExposed, send.ErrStateInUse, link.ErrInUse} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func printJSON(out io.Writer, v any) error {
	data, err := strictjson.Encode(v)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s\n", data)
	return err
}

// printable writes an error on one line, without anything that a terminal
// would act on: it may quote a hub or a file.
func printable(err error) string {
	clean := func(r rune) rune {
		if !strconv.IsPrint(r) {
			return '?'
		}
		return r
	}
	return strings.Map(clean, err.Error())
}
