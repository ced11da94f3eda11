package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"picket.internal/api"
	"picket.internal/client"
	"picket.internal/eat"
	"picket.internal/envelope"
	"picket.internal/terminal"
)

// signFlags say with which key to sign, whom to believe, and whether to ask.
type signFlags struct {
	Key   string `placeholder:"FILE" help:"Your own key, made with picket eat key. It stays on this machine. With --agent the fingerprint or the comment of a key in the ssh-agent."`
	Agent bool   `help:"Sign with an Ed25519 key in the ssh-agent; --key says which, where it has several."`
	Trust string `type:"existingfile" placeholder:"FILE" help:"Trust store by which the hub's signature is verified, instead of the hub's own word."`
	Yes   bool   `help:"Do not ask."`

	breakGlass string // why; empty where the glass is whole
}

type eatApproveCommand struct {
	ID         string `arg:"" help:"The response, as in picket eat list."`
	BreakGlass bool   `help:"Go on with fewer signatures than the hub's policy asks for. Everybody is told."`
	Reason     string `placeholder:"TEXT" help:"With --break-glass: why, in one line."`
	signFlags
	hubFlags
}

// Help is shown below the one line of help.
func (*eatApproveCommand) Help() string {
	return `Shows in words what the token means, the SHA-256 of the very bytes that are
signed, and who has signed. Then it asks, signs here with your key, and sends the
signature: the hub never has the key. The words are made from the bytes on this
machine.

Where the policy asks for no signature, a yes is enough and --key may be left out;
the host's own policy may still ask for one, and refuse. With --agent the key stays
in the ssh-agent; it must be an Ed25519 key, and not a security key's.

    $ picket eat approve 01K3Z9V6W4Q2N8T1XEJ5B7RMCD --agent --key alice@laptop
    $ picket eat approve 01K3Z9V6W4Q2N8T1XEJ5B7RMCD --key ~/.config/picket/alice.pem
    On the host h_gkq7xv6bq2v4d7ukm3h5zq3x2e:
    Cut the host off from the network, also connections that are open. [...]
    This ends by itself after 1h0m0s.
    ...
    SHA-256 of the signed bytes: 9f86d0...
    Signed by: nobody yet
    Sign it? Type yes:

--break-glass is for an emergency in which the other operators cannot be reached: the
response goes on with the signatures that it has, yours included where you give a key.
Only the hub's own policy is gone over. What the host's policy asks for is asked for
all the same, and refused where it is missing. It is an entry of its own in the log,
and an alert (fleet.break_glass).

    $ picket eat approve 01K3Z9V6W4Q2N8T1XEJ5B7RMCD --break-glass --reason "case 4711, bob is on a plane" --agent`
}

// Run approves a response.
func (c *eatApproveCommand) Run(ctx context.Context, e *env) error {
	if c.BreakGlass != (c.Reason != "") {
		return usageError{errors.New("--break-glass and --reason belong together: say why you go over the policy")}
	}
	c.breakGlass = c.Reason
	hub, p, err := c.connect(e)
	if err != nil {
		return err
	}
	defer hub.Close()
	r, err := c.approve(ctx, e, hub, p, c.ID)
	return told(p, c.JSON, &r, err)
}

// approve goes the way of a yes, with a signature where there is a key.
func (f *signFlags) approve(ctx context.Context, e *env, hub *client.Client, p *terminal.Printer, id string) (api.Response, error) {
	if !f.signs() {
		return f.nod(ctx, e, hub, p, id)
	}
	sign, done, err := f.signer(e)
	if err != nil {
		return api.Response{}, err
	}
	defer done()
	r, err := hub.Prepare(ctx, id)
	if err != nil {
		return r, err
	}
	if r.Token == nil {
		return r, errNoToken
	}
	trust, err := trustOf(ctx, hub, f.Trust)
	if err != nil {
		return r, err
	}
	opened, signers, err := openToken(r.Token.Envelope, trust)
	if err != nil {
		return r, fmt.Errorf("reading the token: %w", err)
	}
	if err := f.show(e, opened, signers); err != nil {
		return r, err
	}
	if err := f.ask(p, "Sign it?"); err != nil {
		return r, err
	}
	s, err := sign(opened)
	if err != nil {
		return r, err
	}
	return hub.Approve(ctx, id, api.ApproveRequest{Token: opened.Token.ID, Key: s.Key.String(), Sig: s.Sig, BreakGlass: f.breakGlass})
}

// signs reports whether there is a key to sign with.
func (f *signFlags) signs() bool { return f.Key != "" || f.Agent }

// signer is what the key makes signatures with, until done is called.
func (f *signFlags) signer(e *env) (sign signer, done func(), err error) {
	if !f.Agent {
		sign, err = fileSigner(kong.ExpandPath(f.Key))
		return sign, func() {}, err
	}
	key, err := openAgent(e.getenv("SSH_AUTH_SOCK"), f.Key)
	if err != nil {
		return nil, nil, err
	}
	return key.sign, key.close, nil
}

// nod is a yes without a signature. There is no token yet, so what is shown is
// the hub's word.
func (f *signFlags) nod(ctx context.Context, e *env, hub *client.Client, p *terminal.Printer, id string) (api.Response, error) {
	r, err := hub.Response(ctx, id)
	if err != nil {
		return r, err
	}
	if r.State == api.ResponseWaiting && (r.Signatures == 0 || f.breakGlass != "") {
		args, err := eat.ParseArgs(r.Action, r.Args)
		if err != nil {
			return r, fmt.Errorf("reading the arguments of response %s: %w", id, err)
		}
		lines := []string{"On the host " + hostOf(&r) + " (" + r.Host.ID + "):"}
		lines = append(lines, eat.ArgsWords(args)...)
		if err := terminal.New(forPeople(e)).Lines(append(lines, "Reason: "+r.Reason)...); err != nil {
			return r, err
		}
		if err := f.ask(p, "Do it?"); err != nil {
			return r, err
		}
	}
	return hub.Approve(ctx, id, api.ApproveRequest{BreakGlass: f.breakGlass})
}

// forPeople prints on standard error: standard output is for the answer.
func forPeople(e *env) terminal.Options {
	o := e.options
	o.Out = o.Err
	return o
}

func (f *signFlags) show(e *env, o *eat.Opened, signers []string) error {
	by := "nobody yet"
	if len(signers) > 0 {
		by = strings.Join(signers, ", ")
	}
	return terminal.New(forPeople(e)).Lines(append(eat.Words(o.Token), "SHA-256 of the signed bytes: "+o.SHA256, "Signed by: "+by)...)
}

// ask wants a yes, all of the word.
func (f *signFlags) ask(p *terminal.Printer, question string) error {
	if f.Yes {
		return nil
	}
	p.Ask(question + " Type yes: ")
	line, err := bufio.NewReader(io.LimitReader(os.Stdin, 64)).ReadString('\n')
	if strings.TrimSpace(line) != "yes" {
		if err != nil && line == "" {
			return usageError{errors.New("nobody was there to be asked; give --yes to do without")}
		}
		p.Note("nothing was done: the answer was not yes")
		return errNo
	}
	return nil
}

// trustOf is the trust store in the file, or the hub's own.
func trustOf(ctx context.Context, hub *client.Client, path string) (*eat.TrustStore, error) {
	if path != "" {
		return loadTrust(path)
	}
	data, err := hub.Trust(ctx)
	if err != nil {
		return nil, err
	}
	return eat.ParseTrust(data)
}

func loadTrust(path string) (*eat.TrustStore, error) {
	data, err := readAtMost(path, 64<<10)
	if err != nil {
		return nil, fmt.Errorf("reading the trust store: %w", err)
	}
	trust, err := eat.ParseTrust(data)
	if err != nil {
		return nil, fmt.Errorf("reading the trust store %q: %w", path, err)
	}
	return trust, nil
}

func readAtMost(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("%q has more than %d bytes", path, most)
	}
	return data, err
}

// openToken verifies a token by a trust store: the hub must have signed it.
// signers are the operators who have.
func openToken(sealed []byte, trust *eat.TrustStore) (opened *eat.Opened, signers []string, err error) {
	var hubKeys, all []envelope.PublicKey
	for _, k := range trust.HubKeys {
		if !slices.Contains(trust.Revoked, k.Key.ID()) {
			hubKeys = append(hubKeys, k.Key)
		}
	}
	if _, err := eat.Open(sealed, hubKeys...); err != nil {
		return nil, nil, err
	}
	all = append(all, hubKeys...)
	for _, o := range trust.Operators {
		if !slices.Contains(trust.Revoked, o.Key.ID()) {
			all = append(all, o.Key)
		}
	}
	if opened, err = eat.Open(sealed, all...); err != nil {
		return nil, nil, err
	}
	for _, o := range trust.Operators {
		if slices.ContainsFunc(opened.Signatures, func(s envelope.Signature) bool { return s.Key == o.Key }) {
			signers = append(signers, o.Name)
		}
	}
	return opened, signers, nil
}

type eatKeyCommand struct {
	File  string `arg:"" optional:"" type:"path" help:"File to make. It must not exist."`
	Agent bool   `help:"Make no key: print the public half of one in the ssh-agent."`
	Key   string `placeholder:"NAME" help:"With --agent: the fingerprint or the comment of the key."`
	JSON  bool   `name:"json" help:"Print one JSON document."`
}

// Help is shown below the one line of help.
func (*eatKeyCommand) Help() string {
	return `The key stays in the file, for you only. What is printed is its public half: give
it to the hub, and have it put into the trust stores of the hosts.

    $ picket eat key alice.pem
    0yPmeY2aEyp8ZMi7dHIi8gPXdYYX7DpPHoDFZ3Gdf1Q=
    $ picket eat operators add alice 0yPmeY2aEyp8ZMi7dHIi8gPXdYYX7DpPHoDFZ3Gdf1Q=

A key that is in the ssh-agent already, and is an Ed25519 key, needs no file:

    $ picket eat key --agent --key alice@laptop`
}

// Run makes a key.
func (c *eatKeyCommand) Run(e *env) error {
	switch {
	case c.Agent && c.File != "":
		return usageError{errors.New("FILE and --agent both say where the key is; give one of them")}
	case c.Agent:
		return c.fromAgent(e)
	case c.File == "":
		return usageError{errors.New("say which file to make, or --agent for a key in the ssh-agent")}
	case c.Key != "":
		return usageError{errors.New("--key is for --agent: a file is made with a new key")}
	}
	key, err := envelope.CreatePrivateKey(c.File)
	if err != nil {
		return err
	}
	if c.JSON {
		return e.printer(true).Document(map[string]string{"file": c.File, "key": key.Public().String(), "id": key.Public().ID()})
	}
	_, err = fmt.Fprintln(e.options.Out, key.Public())
	return err
}

// fromAgent prints what a key in the ssh-agent is called in trust stores.
func (c *eatKeyCommand) fromAgent(e *env) error {
	key, err := openAgent(e.getenv("SSH_AUTH_SOCK"), c.Key)
	if err != nil {
		return err
	}
	defer key.close()
	if c.JSON {
		return e.printer(true).Document(map[string]string{"comment": key.key.Comment, "key": key.public.String(), "id": key.public.ID()})
	}
	_, err = fmt.Fprintln(e.options.Out, key.public)
	return err
}

type eatVerifyCommand struct {
	File  string `arg:"" type:"existingfile" help:"A token's envelope, or a whole delivery."`
	Trust string `required:"" type:"existingfile" placeholder:"FILE" help:"Trust store, as in /etc/picket/trust/trust.json."`
	JSON  bool   `name:"json" help:"Print one JSON document."`
}

// Help is shown below the one line of help.
func (*eatVerifyCommand) Help() string {
	return `Asks no hub. It says whether the token is signed by a key of the trust store, who
has signed, and what it means; of a delivery also whether the token is in the log.
Exits 1 where it is not. Whether a host would act on it is decided there, by the
host's own policy, clock and ledger.

    $ picket eat verify token.json --trust /etc/picket/trust/trust.json`
}

// Run verifies a token.
func (c *eatVerifyCommand) Run(e *env) error {
	p := e.printer(c.JSON)
	trust, err := loadTrust(c.Trust)
	if err != nil {
		return err
	}
	data, err := readAtMost(c.File, 2*eat.MaxDelivery)
	if err != nil {
		return fmt.Errorf("reading the token: %w", err)
	}
	opened, signers, logged, err := verifyToken([]byte(strings.TrimSpace(string(data))), trust)
	if err != nil {
		if c.JSON {
			return errors.Join(p.Document(map[string]any{"ok": false, "error": err.Error()}), errNo)
		}
		p.Note("not valid: %v", err)
		return errNo
	}
	if c.JSON {
		return p.Document(map[string]any{"ok": true, "token": opened.Token.ID, "action": opened.Token.Action(), "host": opened.Token.Host, "sha256": opened.SHA256,
			"signed_by": append([]string{}, signers...), "logged": logged, "words": eat.Words(opened.Token)})
	}
	lines := append(eat.Words(opened.Token), "SHA-256 of the signed bytes: "+opened.SHA256, "Signed by the hub "+opened.Token.Hub+".")
	if len(signers) > 0 {
		lines = append(lines, "Signed by the operators "+strings.Join(signers, ", ")+".")
	}
	if logged {
		lines = append(lines, "It is in the hub's log.")
	}
	return p.Lines(lines...)
}

// verifyToken takes an envelope or a delivery.
func verifyToken(data []byte, trust *eat.TrustStore) (opened *eat.Opened, signers []string, logged bool, err error) {
	var shape map[string]json.RawMessage
	if json.Unmarshal(data, &shape) == nil && shape["envelope"] == nil {
		opened, signers, err = openToken(data, trust)
		return opened, signers, false, err
	}
	d, err := eat.ParseDelivery(data)
	if err != nil {
		return nil, nil, false, err
	}
	if opened, signers, err = openToken(d.Envelope, trust); err != nil {
		return nil, nil, false, err
	}
	tree, err := eat.OpenCheckpoint(d.Checkpoint, trust.Log)
	if err == nil {
		err = eat.Contains(tree, eat.Entry{Type: eat.EntryToken, ID: opened.Token.ID, SHA256: opened.SHA256}, d.Index, d.Inclusion)
	}
	if err != nil {
		return nil, nil, false, err
	}
	return opened, signers, true, nil
}
