package main

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"picket.internal/api"
	"picket.internal/fact"
	"picket.internal/hub/hubtest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"picket-sensor": main})
}

// script is what the commands of one script share.
type script struct {
	hub     *hubtest.Hub
	secrets []string // of the tokens made so far
	host    string   // the last one that enrolled
}

type scriptKey struct{}

// command is a command of scripts beyond testscript's own.
type scriptCommand = func(ts *testscript.TestScript, neg bool, args []string)

func with(do func(s *script, ts *testscript.TestScript, args []string)) scriptCommand {
	return func(ts *testscript.TestScript, _ bool, args []string) {
		do(ts.Value(scriptKey{}).(*script), ts, args)
	}
}

// TestScripts runs the program as people do, each script against a real hub of
// its own. Scripts have these commands beyond testscript's own:
//
//	token FILE           write a fresh enrollment token to FILE
//	leak FILE ARGS...    run picket-sensor with the token of FILE as its last argument, which must fail
//	secretless FILE...   fail where a file holds any token that was made
//	host FILE            FILE is what enroll printed; stored is about that host from now on
//	stored KIND ACTION [N]  wait until the hub has N (1) such facts of the host
//	expand FILE          put the work folder in place of $WORK, this user in place of $USER,
//	                     and a path that is short enough for a socket in place of $SOCKET
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]scriptCommand{
			"token": with(makeToken), "leak": with(leak), "secretless": with(secretless),
			"host": with(setHost), "stored": with(stored), "expand": with(expand),
		},
		Setup: func(e *testscript.Env) error {
			t := e.T().(testing.TB)
			s := &script{hub: hubtest.New(t, nil)}
			e.Values[scriptKey{}] = s
			e.Defer(func() {
				for _, secret := range s.secrets {
					if strings.Contains(s.hub.Log.String(), secret) {
						t.Error("the hub's log holds a token")
					}
				}
			})
			return nil
		},
	})
}

func makeToken(s *script, ts *testscript.TestScript, args []string) {
	token := s.hub.EnrollToken(1)
	s.secrets = append(s.secrets, token.Secret, token.String())
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(token.String()+"\n"), 0o600))
}

func leak(_ *script, ts *testscript.TestScript, args []string) {
	text := strings.TrimSpace(ts.ReadFile(args[0]))
	if err := ts.Exec("picket-sensor", append(args[1:], text)...); err == nil {
		ts.Fatalf("a token on the command line was accepted")
	}
}

func secretless(s *script, ts *testscript.TestScript, args []string) {
	for _, name := range args {
		for _, secret := range s.secrets {
			if strings.Contains(ts.ReadFile(name), secret) {
				ts.Fatalf("%s holds a token", name)
			}
		}
	}
}

func setHost(s *script, ts *testscript.TestScript, args []string) {
	s.host = strings.Fields(ts.ReadFile(args[0]))[2] // enrolled as HOST at hub ...
}

func stored(s *script, ts *testscript.TestScript, args []string) {
	want := 1
	if len(args) > 2 {
		var err error
		want, err = strconv.Atoi(args[2])
		ts.Check(err)
	}
	s.hub.Wait("a fact "+args[0]+" "+args[1], func() bool {
		n := 0
		for _, one := range s.hub.Facts(api.FactQuery{HostID: s.host, Kind: args[0], Limit: 200}) {
			if f, _, err := fact.Parse(one.Fact); err == nil && f.Action() == args[1] {
				n++
			}
		}
		return n >= want
	})
}

func expand(_ *script, ts *testscript.TestScript, args []string) {
	dir, err := os.MkdirTemp("", "picket-")
	ts.Check(err)
	ts.Defer(func() { os.RemoveAll(dir) })
	text := strings.NewReplacer("$WORK", ts.MkAbs("."), "$USER", strconv.Itoa(os.Getuid()), "$SOCKET", dir+"/s").Replace(ts.ReadFile(args[0]))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}
