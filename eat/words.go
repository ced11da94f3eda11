package eat

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Words says in plain words what signing the token means, a line each. What a
// host or a hub has put into it is quoted and escaped: no line can look like
// another, or move on the terminal.
func Words(t Token) []string {
	lines := []string{"On the host " + t.Host + ":"}
	if t.Args != nil {
		lines = append(lines, ArgsWords(t.Args)...)
	}
	lines = append(lines, "Reason: "+quoted(t.Reason)+".")
	if t.Policy != "" {
		lines = append(lines, "Asked for by the response policy "+quoted(t.Policy)+".")
	} else {
		lines = append(lines, "Asked for by a person.")
	}
	if t.Boot == "" {
		lines = append(lines, "It holds whenever that host was started.")
	} else {
		lines = append(lines, "It holds until that host is started anew (boot "+t.Boot+").")
	}
	return append(lines,
		"Issued "+t.Issued.Format(time.RFC3339Nano)+". It holds from "+t.NotBefore.Format(time.RFC3339Nano)+" to "+t.Expires.Format(time.RFC3339Nano)+", once.",
		fmt.Sprintf("Token %s, number %d of that host, of the hub %s.", t.ID, t.Counter, t.Hub))
}

// ArgsWords says in plain words what the arguments ask for, a line each.
func ArgsWords(a Args) []string {
	lines := a.words()
	if lease := a.lease(); lease > 0 {
		lines = append(lines, "This ends by itself after "+(time.Duration(lease)*time.Second).String()+".")
	} else if a.Action() == ActionKillProcess {
		lines = append(lines, "This cannot be undone.")
	}
	return lines
}

// quoted is in ASCII, so that no letter is mistaken for another.
func quoted(s string) string { return strconv.QuoteToASCII(s) }

func (Noop) words() []string {
	return []string{"Do nothing, and leave a receipt."}
}

func (a Attest) words() []string {
	return []string{"Hash the sensor, its units, the sudo rule and the trust store, and sign the result (nonce " + a.Nonce + ")."}
}

func (a Release) words() []string {
	return []string{"End what the token " + a.Token + " put in force, and put back what it changed."}
}

func (a IsolateNetwork) words() []string {
	lines := []string{"Cut the host off from the network, also connections that are open. The hub and what the host's policy names stay reachable."}
	if len(a.Allow) > 0 {
		lines = append(lines, "These stay reachable too: "+ranges(a.Allow)+".")
	}
	return lines
}

func (ReleaseNetwork) words() []string {
	return []string{"End the isolation: the host is on the network again."}
}

func (a BlockAddress) words() []string {
	return []string{"Drop all traffic from and to " + ranges(a.Prefixes) + "."}
}

func (a UnblockAddress) words() []string {
	return []string{"Let traffic from and to " + ranges(a.Prefixes) + " pass again."}
}

func ranges(list []netip.Prefix) string {
	out := make([]string, len(list))
	for i, p := range list {
		out[i] = p.String()
	}
	return strings.Join(out, ", ")
}

func (p Process) words(tree bool) string {
	with := ""
	if tree {
		with = " and all its descendants"
	}
	return fmt.Sprintf("process %d%s, if it started at tick %d and runs the program with the hash %s", p.PID, with, p.StartTicks, p.SHA256)
}

func (a KillProcess) words() []string {
	return []string{"Kill " + a.Process.words(a.Tree) + "."}
}

func (a SuspendProcess) words() []string {
	return []string{"Suspend " + a.Process.words(a.Tree) + "."}
}

func (a ResumeProcess) words() []string {
	return []string{"Let go on " + a.Process.words(a.Tree) + "."}
}

func (a QuarantineFile) words() []string {
	line := "Take the file " + quoted(a.Path.Exact()) + " out of reach, if its hash is " + a.SHA256
	if a.Ino != 0 {
		line += fmt.Sprintf(" and it is inode %d of device %d", a.Ino, a.Dev)
	}
	return []string{line + "."}
}

func (a RestoreFile) words() []string {
	return []string{"Put the file back that the token " + a.Record + " had quarantined."}
}

func (a DisableUser) words() []string {
	line := "Keep the account " + quoted(a.Name) + " from logging in"
	if a.EndSessions {
		line += ", and end its sessions. Sessions do not come back"
	}
	return []string{line + "."}
}

func (a EnableUser) words() []string {
	return []string{"Let the account " + quoted(a.Name) + " log in again."}
}

func (a RevokeSSHKey) words() []string {
	return []string{"Take the SSH key " + a.Fingerprint + " out of " + whose(a.User) + "."}
}

func (a RestoreSSHKey) words() []string {
	return []string{"Put the SSH key " + a.Fingerprint + " back into " + whose(a.User) + "."}
}

func whose(user string) string {
	if user == "" {
		return "the authorized_keys of every account"
	}
	return "the authorized_keys of " + quoted(user)
}

func (a StopService) words() []string {
	return []string{"Stop the service " + quoted(a.Unit) + " and keep it from starting."}
}

func (a StartService) words() []string {
	return []string{"Start the service " + quoted(a.Unit) + " again."}
}

func (a CollectEvidence) words() []string {
	if a.Again != "" {
		return []string{fmt.Sprintf("Send the evidence to the hub again that the token %s has gathered, from chunk %d on.", a.Again, a.From)}
	}
	lines := []string{fmt.Sprintf("Copy to the hub: %s. At most %d bytes, in at most %d seconds.", strings.Join(a.What, ", "), a.MaxBytes, a.MaxSeconds)}
	for _, p := range a.Files {
		lines = append(lines, "The file "+quoted(p.Exact())+".")
	}
	return lines
}
