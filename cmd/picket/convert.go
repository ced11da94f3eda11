package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"picket.internal/display"
	"picket.internal/engine"
	"picket.internal/engine/sigma"
	"picket.internal/terminal"
)

type convertCommands struct {
	Sigma convertSigmaCommand `cmd:"" help:"Turn Sigma rules into rules of Picket, or say what of them has no meaning here."`
}

type convertSigmaCommand struct {
	Files        []string `arg:"" name:"file" help:"Sigma files, or folders of them."`
	Out          string   `placeholder:"DIR" help:"Folder to write the rules to, one file for each; it is made if it is not there. Without it they are printed."`
	Force        bool     `help:"Write over files that are there."`
	Placeholders string   `placeholder:"FILE" help:"YAML mapping of what the modifier expand puts in: names to a text or a list of texts."`
	Source       string   `placeholder:"NAME" help:"Where the rules come from; SigmaHQ if left out."`
	SourceURL    string   `name:"source-url" placeholder:"URL" help:"Link to it; one that ends in a slash is a folder, to which each file's name is added."`
	Licence      string   `placeholder:"SPDX" help:"Licence of the rules that state none; SigmaHQ's rules are under DRL-1.1."`
	JSON         bool     `name:"json" help:"Print one JSON document a line, for each file."`

	between string // what separates the next file that is printed from those before
}

// Help is shown below the one line of help.
func (*convertSigmaCommand) Help() string {
	return `A file of which any part has no faithful meaning here is refused as a whole, with the part and the reason.
Exits 0 where every file was converted, 1 where one was refused, 2 where one cannot be read or written.

    $ picket rules convert sigma --out rules/sigma lnx_*.yml
    lnx_at.yml -> rules/sigma/lnx_at.yaml
    lnx_git.yml refused: selection: line 19: field ParentCommandLine: a fact carries the parent's executable and name, not its arguments
    1 of 2 files converted`
}

// converted is the document for one file of rules convert sigma --json.
type converted struct {
	File   string   `json:"file"`
	OK     bool     `json:"ok"`
	Reason string   `json:"reason,omitempty"` // why it was refused
	Out    string   `json:"out,omitempty"`    // the file that was written
	IDs    []string `json:"ids,omitempty"`    // of the rules in it
	Rules  string   `json:"rules,omitempty"`  // the rules, where no folder was named
}

// Run converts the files.
func (c *convertSigmaCommand) Run(e *env) error {
	options := sigma.Options{Player: engine.Player{}, Source: c.Source, SourceURL: c.SourceURL, Licence: c.Licence}
	if c.Placeholders != "" {
		data, err := readBounded(c.Placeholders)
		if err == nil {
			options.Placeholders, err = sigma.ParsePlaceholders(data)
		}
		if err != nil {
			return fmt.Errorf("reading placeholders: %w", err)
		}
	}
	files, err := c.read()
	if err != nil {
		return err
	}
	if c.Out != "" {
		if err := os.MkdirAll(c.Out, 0o755); err != nil {
			return fmt.Errorf("making the folder: %w", err)
		}
	}
	p, done := e.printer(c.JSON), 0
	for _, o := range sigma.Convert(files, options) {
		r, err := c.keep(o)
		if err != nil {
			return err
		}
		if r.OK {
			done++
		}
		if err := c.print(e, p, r); err != nil {
			return err
		}
	}
	if c.Out != "" && !c.JSON {
		_, err = fmt.Fprintf(e.options.Out, "%d of %s converted\n", done, count(len(files), "file"))
	}
	return verdict(done == len(files), err)
}

// keep writes what became of a file, where a folder was named.
func (c *convertSigmaCommand) keep(o sigma.Output) (converted, error) {
	r := converted{File: o.File, OK: o.Err == nil, IDs: o.IDs}
	switch {
	case o.Err != nil:
		r.Reason = o.Err.Error()
	case c.Out == "":
		r.Rules = string(o.Rules)
	default:
		r.Out = filepath.Join(c.Out, o.Name)
		err := c.write(r.Out, o.Rules)
		if errors.Is(err, fs.ErrExist) {
			return converted{File: o.File, Reason: fmt.Sprintf("%s is there already; --force writes over it", r.Out)}, nil
		}
		if err != nil {
			return r, fmt.Errorf("writing rules: %w", err)
		}
	}
	return r, nil
}

// write makes a new file. It never writes through a link, nor, with force, leaves
// half of one where a whole one was.
func (c *convertSigmaCommand) write(name string, data []byte) error {
	target := name
	if c.Force {
		target = name + ".new"
		os.Remove(target)
	}
	f, err := os.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err == nil && c.Force {
		err = os.Rename(target, name)
	}
	if err != nil {
		os.Remove(target)
	}
	return err
}

func (c *convertSigmaCommand) print(e *env, p *terminal.Printer, r converted) error {
	var err error
	switch {
	case c.JSON:
		err = p.Document(r)
	case !r.OK && c.Out == "":
		_, err = fmt.Fprintf(e.options.Err, "picket: %s refused: %s\n", display.Line(r.File), display.Line(r.Reason))
	case !r.OK:
		_, err = fmt.Fprintf(e.options.Out, "%s refused: %s\n", display.Line(r.File), display.Line(r.Reason))
	case c.Out == "":
		_, err = fmt.Fprintf(e.options.Out, "%s%s", c.between, r.Rules)
		c.between = "---\n"
	default:
		_, err = fmt.Fprintf(e.options.Out, "%s -> %s\n", display.Line(r.File), display.Line(r.Out))
	}
	return err
}

// read reads the files, and those in the folders that were named.
func (c *convertSigmaCommand) read() ([]sigma.File, error) {
	var files []sigma.File
	add := func(name string) error {
		data, err := readBounded(name)
		if err != nil {
			return fmt.Errorf("reading Sigma rules: %w", err)
		}
		files = append(files, sigma.File{Name: filepath.ToSlash(name), Data: data})
		return nil
	}
	for _, name := range c.Files {
		info, err := os.Stat(name)
		if err != nil {
			return nil, fmt.Errorf("reading Sigma rules: %w", err)
		}
		if !info.IsDir() {
			if err := add(name); err != nil {
				return nil, err
			}
			continue
		}
		err = filepath.WalkDir(name, func(path string, d fs.DirEntry, err error) error {
			ext := strings.ToLower(filepath.Ext(path))
			if err != nil || !d.Type().IsRegular() || ext != ".yml" && ext != ".yaml" {
				return err
			}
			return add(path)
		})
		if err != nil {
			return nil, err
		}
	}
	if len(files) == 0 {
		return nil, errors.New("there are no Sigma files in there; their names end in .yml or .yaml")
	}
	return files, nil
}

// maxSigmaFile is more than a Sigma file may have; what is larger is read this
// far and refused.
const maxSigmaFile = 257 << 10

func readBounded(name string) ([]byte, error) {
	// Looked at before it is opened: opening a pipe waits for a writer.
	info, err := os.Stat(name)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%q is not a regular file", name)
	}
	if err != nil {
		return nil, err
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxSigmaFile))
}
