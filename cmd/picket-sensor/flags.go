package main

import (
	"errors"
	"fmt"
	"strings"
)

// flagSet names the flags of a command: a *bool is set by its name alone, a
// *string by the word after it or after "=". Package flag, which
// reads alike, would be 20 kB of the sensor.
type flagSet map[string]any

var (
	// errHelp says that help was asked for.
	errHelp = errors.New("help was asked for")
	// errExtra is about a word that a command does not take.
	errExtra = errors.New("one word too many")
)

// flags reads the flags of a command, which takes nothing else.
func flags(name string, args []string, known flagSet) error {
	for len(args) > 0 {
		word := args[0]
		args = args[1:]
		flag, isFlag := strings.CutPrefix(word, "-")
		if !isFlag || flag == "" {
			return &wrongUse{fmt.Errorf("%w: %s takes no %q", errExtra, name, word), name}
		}
		flag, value, given := strings.Cut(strings.TrimPrefix(flag, "-"), "=")
		switch into := known[flag].(type) {
		case *bool:
			if given && value != "true" && value != "false" {
				return &wrongUse{fmt.Errorf("malformed value %q of --%s: true or false", value, flag), name}
			}
			*into = value != "false"
		case *string:
			if !given && len(args) == 0 {
				return &wrongUse{fmt.Errorf("--%s needs a word after it", flag), name}
			}
			if !given {
				value, args = args[0], args[1:]
			}
			*into = value
		default:
			if flag == "h" || flag == "help" {
				return errHelp
			}
			return &wrongUse{fmt.Errorf("%s has no flag --%s", name, flag), name}
		}
	}
	return nil
}
