// Package grammar writes what follows from a command line as kong knows it: its
// man page, and its completion for bash, zsh and fish. None of it is written by
// hand, so none of it can say what the program does not.
//
// The package is for tests only, which hold the files in packaging/ to it, and
// must never be linked into a binary.
package grammar

import (
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// command is one that can be named: the program itself, a group or a leaf.
type command struct {
	*kong.Node
	// words are its names behind the program's, as in "alerts list"; empty is
	// the program itself.
	words string
	subs  []command // without the hidden ones
}

// commandsOf is the tree of a program's commands.
func commandsOf(app *kong.Application) command { return commandOf(app.Node, "") }

func commandOf(n *kong.Node, words string) command {
	c := command{Node: n, words: words}
	for _, child := range n.Children {
		if !child.Hidden && child.Type == kong.CommandNode {
			c.subs = append(c.subs, commandOf(child, strings.TrimSpace(words+" "+child.Name)))
		}
	}
	return c
}

// all is the command and everything below it, in the order of the grammar.
func (c command) all() []command {
	list := []command{c}
	for _, sub := range c.subs {
		list = append(list, sub.all()...)
	}
	return list
}

// leaves are the commands that do something.
func (c command) leaves() []command {
	return slices.DeleteFunc(c.all(), func(c command) bool { return len(c.subs) > 0 })
}

// flags are the command's own but --help, which every command has.
func (c command) flags() (list []*kong.Flag) {
	for _, f := range c.Flags {
		if !f.Hidden && f.Name != "help" {
			list = append(list, f)
		}
	}
	return list
}

// kind is what a value is, to a shell that completes it.
type kind int

const (
	anything kind = iota
	file
	folder
	oneOf
)

// kindOf tells what a value is: by its type where the grammar gives one, else by
// the word that stands for it in the help.
func kindOf(v *kong.Value) (k kind, words []string) {
	if v.Enum != "" {
		for _, word := range v.EnumSlice() {
			if word != "" {
				words = append(words, word)
			}
		}
		return oneOf, words
	}
	holder := v.Name
	if v.Flag != nil {
		holder = v.Flag.PlaceHolder
	}
	switch {
	case v.Tag.Type == "existingdir", strings.EqualFold(holder, "dir"), strings.EqualFold(holder, "folder"):
		return folder, nil
	case v.Tag.Type == "existingfile", v.Tag.Type == "path", strings.EqualFold(holder, "file"), strings.EqualFold(holder, "files"):
		return file, nil
	}
	return anything, nil
}
