// Command gen writes what follows from the Go types of package fact: the field
// table fields_gen.go, the JSON Schema schema.json and the reference
// docs/fields.md. It reads the source, so that the doc comments travel along.
//
// It runs in the folder fact by go generate. With -check it writes nothing and
// fails, naming the file, where one of the three is not what it would write.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"log"
	"os"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("gen: ")
	check := flag.Bool("check", false, "write nothing; fail where a file has drifted")
	flag.Parse()
	if err := run(*check); err != nil {
		log.Fatal(err)
	}
}

func run(check bool) error {
	m, err := readModel(".")
	if err != nil {
		return fmt.Errorf("reading the types: %w", err)
	}
	table, err := m.table()
	if err != nil {
		return fmt.Errorf("writing the field table: %w", err)
	}
	schema, err := m.schema()
	if err != nil {
		return fmt.Errorf("writing the schema: %w", err)
	}
	for _, out := range []struct {
		path string
		data []byte
	}{
		{"fields_gen.go", table},
		{"schema.json", schema},
		{"../docs/fields.md", m.reference()},
	} {
		if check {
			have, err := os.ReadFile(out.path)
			if err != nil {
				return err
			}
			if !bytes.Equal(have, out.data) {
				return fmt.Errorf("%s has drifted from the types: run go generate ./fact", out.path)
			}
			continue
		}
		if err := os.WriteFile(out.path, out.data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
