package main

import (
	"errors"
	"strings"
	"testing"
)

func TestFlags(t *testing.T) {
	for args, want := range map[string]struct {
		config string
		json   bool
		err    string // the beginning; empty for none
	}{
		"":                            {},
		"--json":                      {json: true},
		"-json":                       {json: true},
		"--json=true":                 {json: true},
		"--json --json=false":         {},
		"--json=yes":                  {err: `malformed value "yes" of --json`},
		"--config a.json":             {config: "a.json"},
		"-config=a.json --json":       {config: "a.json", json: true},
		"--config a --config b":       {config: "b"},
		"--config --json":             {config: "--json"}, // the word after it, whatever it is
		"--config=":                   {},
		"--config=a=b":                {config: "a=b"},
		"--config":                    {err: "--config needs a word after it"},
		"--confg a":                   {err: "doctor has no flag --confg"},
		"---json":                     {err: "doctor has no flag ---json"},
		"--":                          {err: "doctor has no flag --"},
		"a":                           {err: `one word too many: doctor takes no "a"`},
		"-":                           {err: `one word too many: doctor takes no "-"`},
		"--json extra --config a":     {json: true, err: "one word too many"},
		"--help":                      {err: errHelp.Error()},
		"--config a -h":               {config: "a", err: errHelp.Error()},
		"--config a --unknown --help": {config: "a", err: "doctor has no flag --unknown"},
	} {
		var config string
		var json bool
		err := flags("doctor", strings.Fields(args), flagSet{"config": &config, "json": &json})
		if config != want.config || json != want.json {
			t.Errorf("%q: config %q and json %v, want %q and %v", args, config, json, want.config, want.json)
		}
		if (err == nil) != (want.err == "") || err != nil && !strings.HasPrefix(err.Error(), want.err) {
			t.Errorf("%q: %v, want %q", args, err, want.err)
		}
		var wrong *wrongUse
		if err != nil && errors.As(err, &wrong) == errors.Is(err, errHelp) {
			t.Errorf("%q: %v is help and wrong use, or neither", args, err)
		}
	}
}
