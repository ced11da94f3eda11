package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"picket.internal/internal/testneed"
)

// complete is what bash offers for the last word.
func complete(t *testing.T, words ...string) []string {
	t.Helper()
	script := `source ../../packaging/completions/picket-sensor.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _picket_sensor; printf '%s\n' "${COMPREPLY[@]}"`
	out, err := exec.Command(testneed.Command(t, "bash", "apt-get install bash"), append([]string{"-c", script, "bash"}, words...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.Fields(string(out))
}

// TestCompletion: bash offers each command that there is and no other, and of
// each the flags that its help names; zsh and fish name the same commands.
func TestCompletion(t *testing.T) {
	var names []string
	for name := range commands {
		names = append(names, name)
	}
	for name := range system {
		names = append(names, name)
	}
	names = append(names, "help")
	slices.Sort(names)
	if got := complete(t, "picket-sensor", ""); !slices.Equal(got, names) {
		t.Errorf("offered are %q, there are %q", got, names)
	}
	for name, c := range commands {
		var out bytes.Buffer
		if err := help([]string{name}, &out); err != nil {
			t.Fatal(err)
		}
		for _, flag := range complete(t, "picket-sensor", name, "--") {
			if flag != "--help" && !strings.Contains(out.String(), flag) {
				t.Errorf("%s is offered %s, of which its help says nothing", name, flag)
			}
			if err := c.run(context.Background(), []string{flag, flag + "=x"}, strings.NewReader(""), &out, &out); err != nil && strings.Contains(err.Error(), "has no flag") {
				t.Errorf("%s %s: %v", name, flag, err)
			}
		}
	}
	if got := complete(t, "picket-sensor", "install", "--launch", "s"); !slices.Equal(got, []string{"sudo", "socket"}) {
		t.Errorf("ways to the wrapper: %q", got)
	}
	for _, file := range []string{"_picket-sensor", "picket-sensor.fish"} {
		text, err := os.ReadFile("../../packaging/completions/" + file)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if !strings.Contains(string(text), name) {
				t.Errorf("%s does not know %s", file, name)
			}
		}
	}
}
