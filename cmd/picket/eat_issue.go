package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"picket.internal/api"
	"picket.internal/client"
	"picket.internal/eat"
)

type eatIssueCommand struct {
	Host       string   `arg:"" help:"The host, by id or by a name that only one host has."`
	Action     string   `arg:"" help:"The action, as in suspend_process."`
	Args       []string `arg:"" optional:"" help:"Arguments as NAME=VALUE, with dots for members of members."`
	JSONArgs   string   `name:"args" placeholder:"JSON" help:"All arguments as one JSON object, instead."`
	Reason     string   `required:"" help:"Why, in one line. It is signed with the token." placeholder:"TEXT"`
	Signatures int      `help:"How many operators must sign; with --key or --agent at least 1." placeholder:"N"`
	BreakGlass bool     `help:"Mark it as an emergency: it waits for nobody at the hub, and everybody is told."`
	signFlags
	hubFlags
}

// Help is shown below the one line of help.
func (*eatIssueCommand) Help() string {
	var names []string
	for _, a := range eat.Actions() {
		names = append(names, a.Name)
	}
	return `Times are written as 30m or 2h, lists with commas. A host that asks for operators'
signatures refuses a token without them: give --key to sign it at once.

    $ picket eat issue web1 noop --reason "does the way work?"
    $ picket eat issue web1 isolate_network lifetime=1h --reason "case 4711" --key alice.pem
    $ picket eat issue web1 suspend_process process.pid=4711 process.start_ticks=918273 \
        process.sha256=9f86d0... tree=true lifetime=30m --reason "case 4711"
    $ picket eat issue web1 collect_evidence what=processes,sockets max_bytes=1048576 \
        max_seconds=30 --reason "case 4711"

Actions: ` + strings.Join(names, ", ") + "."
}

// Run asks for an action.
func (c *eatIssueCommand) Run(ctx context.Context, e *env) error {
	args, err := c.arguments()
	if err != nil {
		return usageError{err}
	}
	hub, p, err := c.connect(e)
	if err != nil {
		return err
	}
	defer hub.Close()
	host, err := hostNamed(ctx, hub, c.Host)
	if err != nil {
		return err
	}
	need := c.Signatures
	if c.signs() {
		need = max(1, need)
	}
	if c.BreakGlass && need > 0 {
		return usageError{errors.New("--break-glass waits for no signature; ask without it, and give your key to picket eat approve --break-glass")}
	}
	r, err := hub.Issue(ctx, api.IssueRequest{Host: host, Action: c.Action, Args: args, Reason: c.Reason, Signatures: need, BreakGlass: c.BreakGlass})
	if err == nil && c.signs() {
		r, err = c.approve(ctx, e, hub, p, r.ID)
	}
	return told(p, c.JSON, &r, err)
}

// arguments reads them and has package eat say what is wrong with them.
func (c *eatIssueCommand) arguments() (jsontext.Value, error) {
	text := []byte(c.JSONArgs)
	if c.JSONArgs == "" {
		var err error
		if text, err = argumentsOf(c.Args); err != nil {
			return nil, err
		}
	} else if len(c.Args) > 0 {
		return nil, fmt.Errorf("--args and NAME=VALUE both say what to do; give one of them")
	}
	if _, err := eat.ParseArgs(c.Action, text); err != nil {
		return nil, err
	}
	return jsontext.Value(text), nil
}

var (
	numberArgs = []string{"pid", "max_bytes", "max_seconds", "from"}
	listArgs   = []string{"allow", "prefixes", "what"}
)

// argumentsOf makes an object of NAME=VALUE.
func argumentsOf(list []string) ([]byte, error) {
	root := map[string]any{}
	for _, one := range list {
		name, value, ok := strings.Cut(one, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("malformed argument %q: write NAME=VALUE", one)
		}
		at := root
		parts := strings.Split(name, ".")
		for _, part := range parts[:len(parts)-1] {
			inner, ok := at[part].(map[string]any)
			if !ok {
				inner = map[string]any{}
				at[part] = inner
			}
			at = inner
		}
		last := parts[len(parts)-1]
		if _, twice := at[last]; twice {
			return nil, fmt.Errorf("argument %q is given twice", name)
		}
		v, err := argument(last, value)
		if err != nil {
			return nil, fmt.Errorf("malformed argument %q: %w", one, err)
		}
		at[last] = v
	}
	return json.Marshal(root)
}

func argument(name, value string) (any, error) {
	switch {
	case name == "lifetime":
		d, err := time.ParseDuration(value)
		if err != nil {
			return nil, fmt.Errorf("want a time, as in 30m")
		}
		return int64(d / time.Second), nil
	case slices.Contains(numberArgs, name):
		return strconv.ParseInt(value, 10, 64)
	case slices.Contains(listArgs, name):
		return strings.Split(value, ","), nil
	case name == "path":
		return eat.PathOf(value), nil
	case name == "files":
		var out []eat.Path
		for f := range strings.SplitSeq(value, ",") {
			out = append(out, eat.PathOf(f))
		}
		return out, nil
	case value == "true" || value == "false":
		return value == "true", nil
	}
	return value, nil
}

// hostNamed finds a host by its id, or by its name where only one has it.
func hostNamed(ctx context.Context, hub *client.Client, word string) (string, error) {
	if strings.HasPrefix(word, "h_") {
		return word, nil
	}
	var found []string
	for h, err := range hub.Hosts(ctx) {
		if err != nil {
			return "", err
		}
		if h.Name == word {
			found = append(found, h.ID)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", usageError{fmt.Errorf("no host is called %q; see picket hosts list", word)}
	}
	return "", usageError{fmt.Errorf("%d hosts are called %q; name one by its id: %s", len(found), word, strings.Join(found, ", "))}
}

type eatUndoCommand struct {
	ID         string `arg:"" help:"The response, as in picket eat list."`
	Reason     string `required:"" help:"Why, in one line. It is signed with the token." placeholder:"TEXT"`
	Signatures int    `help:"How many operators must sign; with --key or --agent at least 1." placeholder:"N"`
	signFlags
	hubFlags
}

// Help is shown below the one line of help.
func (*eatUndoCommand) Help() string {
	return `Ends the lease of the response's token with a release, which is a response of its
own. A host that asks for signatures to do a thing by name asks for them here too.

    $ picket eat undo 01K3Z9V6W4Q2N8T1XEJ5B7RMCD --reason "it was the backup"`
}

// Run undoes a response.
func (c *eatUndoCommand) Run(ctx context.Context, e *env) error {
	hub, p, err := c.connect(e)
	if err != nil {
		return err
	}
	defer hub.Close()
	need := c.Signatures
	if c.signs() {
		need = max(1, need)
	}
	r, err := hub.Undo(ctx, c.ID, api.DecisionRequest{Reason: c.Reason, Signatures: need})
	if err == nil && c.signs() {
		r, err = c.approve(ctx, e, hub, p, r.ID)
	}
	return told(p, c.JSON, &r, err)
}
