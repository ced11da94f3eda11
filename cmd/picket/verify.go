package main

import (
	"fmt"

	"picket.internal/api"
	"picket.internal/dossier"
	"picket.internal/envelope"
)

type verifyCommand struct {
	File       string   `arg:"" type:"existingfile" help:"An alert that picket alerts export has written."`
	Trust      string   `required:"" type:"existingfile" placeholder:"FILE" help:"Trust store with the public keys of hub, log and operators, as in /etc/picket/trust/trust.json."`
	HostKey    []string `placeholder:"KEY" help:"Public key of the host's sensor, or of the hub's own statements, in base64. Then the log's word is not enough."`
	WrapperKey []string `placeholder:"KEY" help:"Public key of the host's wrapper, as in /etc/picket/wrapper.pub."`
	JSON       bool     `name:"json" help:"Print one JSON document."`
}

// Help is shown below the one line of help.
func (*verifyCommand) Help() string {
	return `Asks no hub and needs nothing but public keys, which must not come from whoever gave you
the file. A line a claim, each with one of these words:

  ok         it is shown: by a signature, by a proof that the log holds it, or because
             the rule gives the same once more
  not shown  nothing shows it and nothing contradicts it: it is the hub's word
  FALSE      it is contradicted, or what must be there is missing

The claims, in order:

  hub          the file is of the hub of the trust store
  log          the checkpoint is signed by the log's key, and each record is in the log
  host key     the key is that with which the host enrolled, says the log, or --host-key
  hub key      of what the hub noticed itself; in no trust store, so give it with --host-key
  wrapper key  the key is that of the host's wrapper, says the log, or --wrapper-key
  signatures   each batch is signed by its host's key, for this hub
  chain        no batch is missing between two of a session, and each names the one before
  facts        the alert's facts are in the batches, byte for byte
  rule         the rules load, the rule is of the alert's version, and the log says they ran
  evaluation   the rule, played once more, gives the same severity, score, message, values
  token        what was asked for, signed by the hub and in the log
  approval     each operator who is said to have signed has, and the log has it
  log seen     the log extends the one that the host had seen, by its receipt
  receipt      what the host's wrapper says it did, signed with the key that it had
               when the receipt came, and in the log

An alert over many facts is evaluated on those that are linked to it, a hundred at most:
where the rule needs more, evaluation is not shown. So is what a rule knows of the whole
fleet. Times of receipt are the hub's word.

Exits 0 where nothing is FALSE, 1 where something is, 2 where the file cannot be read.

    $ picket verify alert.json --trust /etc/picket/trust/trust.json
    ok         facts        1 fact as signed
    ...
    0 false, 9 ok, 2 not shown`
}

// verdicts is what came out.
type verdicts struct {
	OK     bool            `json:"ok"`
	Alert  string          `json:"alert"`
	Claims []dossier.Claim `json:"claims"`
}

// Run verifies an alert.
func (c *verifyCommand) Run(e *env) error {
	trust, err := loadTrust(c.Trust)
	if err != nil {
		return err
	}
	keys := dossier.Keys{Trust: trust}
	if keys.Hosts, err = publicKeys("--host-key", c.HostKey); err != nil {
		return err
	}
	if keys.Wrappers, err = publicKeys("--wrapper-key", c.WrapperKey); err != nil {
		return err
	}
	data, err := readAtMost(c.File, api.MaxDossier)
	if err != nil {
		return fmt.Errorf("reading an alert: %w", err)
	}
	d, err := dossier.Parse(data)
	if err != nil {
		return fmt.Errorf("%w; it must be a file of picket alerts export", err)
	}
	claims := dossier.Check(d, keys)
	p := e.printer(c.JSON)
	if c.JSON {
		err = p.Document(verdicts{dossier.Holds(claims), d.Alert.ID, claims})
	} else {
		err = p.Lines(claimLines(claims)...)
	}
	if err == nil && !dossier.Holds(claims) {
		return errNo
	}
	return err
}

func claimLines(claims []dossier.Claim) []string {
	var lines []string
	n := map[string]int{}
	for _, one := range claims {
		n[one.Verdict]++
		lines = append(lines, fmt.Sprintf("%-9s  %-11s  %s", one.Verdict, one.Claim, one.Detail))
	}
	return append(lines, fmt.Sprintf("%d false, %d ok, %d not shown", n[dossier.False], n[dossier.OK], n[dossier.NotShown]))
}

func publicKeys(flag string, texts []string) ([]envelope.PublicKey, error) {
	var out []envelope.PublicKey
	for _, text := range texts {
		var key envelope.PublicKey
		if err := key.UnmarshalText([]byte(text)); err != nil {
			return nil, usageError{fmt.Errorf("malformed %s: want an Ed25519 public key in base64", flag)}
		}
		out = append(out, key)
	}
	return out, nil
}
