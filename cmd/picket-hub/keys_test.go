package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The three steps of a change, and what stands in the way of each.
func TestKeys(t *testing.T) {
	dir := initialised(t)
	for _, step := range []struct {
		args string
		code int
		says string // on standard output for 0, else on standard error
	}{
		{"list", 0, "online    in_use"},
		{"use token", 2, "key.wrong_state: there is no next token key"},
		{"retire token", 2, "picket-hub keys add token"},
		{"add token --life 1h", 2, "want a day or more"},
		{"add online", 2, `must be one of "token","log","evidence"`},
		{"add token", 0, "is the next one for token; start the hub again"},
		{"add token", 2, "there is a next token key already"},
		{"use token", 0, "is in use for token once the hub starts again"},
		{"retire token nobody", 2, "picket-hub keys list"},
		{"retire token --revoked", 0, "is revoked"},
		{"use tls", 0, "is in use for tls"},
		{"list", 0, "token     revoked"},
	} {
		args := append([]string{"keys"}, strings.Fields(step.args)...)
		code, out, errs := command(t, append(args, "--dir", dir)...)
		text := out
		if step.code != 0 {
			text = errs
		}
		if code != step.code || !strings.Contains(text, step.says) {
			t.Errorf("keys %s: exit code %d, want %d and %q:\n%s%s", step.args, code, step.code, step.says, out, errs)
		}
	}
	code, out, _ := command(t, "keys", "list", "--json", "--dir", dir)
	var list struct {
		Keys   []struct{ Role, State, ID, File string }
		Strays []string
	}
	if err := json.Unmarshal([]byte(out), &list); err != nil || code != 0 || len(list.Keys) != 8 || len(list.Strays) != 0 {
		t.Errorf("%d, %v:\n%s", code, err, out)
	}
	if strings.Contains(out, "PRIVATE") || list.Keys[0].Role != "token" || list.Keys[0].State != "in_use" || list.Keys[0].File == "eat.pem" {
		t.Errorf("the list is\n%s", out)
	}
	stray := filepath.Join(dir, "keys", "log-0f.pem")
	if err := os.WriteFile(stray, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := command(t, "keys", "list", "--dir", dir); code != 0 || !strings.Contains(errs, stray) {
		t.Errorf("with a file that is none of its keys: %d %q", code, errs)
	}
	other := t.TempDir()
	if code, _, errs := command(t, "keys", "add", "log", "--dir", other); code != 2 || !strings.Contains(errs, "picket-hub init") {
		t.Errorf("where no hub is: %d %q", code, errs)
	}
	if left, err := os.ReadDir(other); err != nil || len(left) != 0 {
		t.Errorf("it left %v there, %v", left, err)
	}
}
