package sshkey

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"strings"

	"picket.internal/wrappers/internal/action"
)

// Line is a line that was taken out of a file.
type Line struct {
	At    int      `json:"at"`    // where it began
	Parts [][]byte `json:"parts"` // its text and its end, in parts that fit a text of JSON
}

func (l Line) text() []byte { return bytes.Join(l.Parts, nil) }

// Remove gives the file without the lines that have the key, and those lines.
func Remove(file []byte, fingerprint string) (rest []byte, lines []Line) {
	at := 0
	for line := range bytes.Lines(file) {
		if has(line, fingerprint) {
			lines = append(lines, Line{at, slices.AppendSeq([][]byte{}, slices.Chunk(bytes.Clone(line), 8<<10))})
		} else {
			rest = append(rest, line...)
		}
		at += len(line)
	}
	return rest, lines
}

// Restore is the inverse of Remove.
func Restore(rest []byte, lines []Line) []byte {
	for _, l := range lines {
		at := min(l.At, len(rest))
		rest = slices.Concat(rest[:at], l.text(), rest[at:])
	}
	return rest
}

// restore puts the lines back into what the file is now, at its end if it is
// not what was left: then only those that are not there.
func (f *File) restore(now []byte) (data []byte, end bool) {
	switch action.Hash(now) {
	case f.Before:
		return now, false
	case f.After:
		return Restore(now, f.Lines), false
	}
	data = bytes.Clone(now)
	for _, l := range f.Lines {
		text := bytes.TrimRight(l.text(), "\n")
		if slices.ContainsFunc(bytes.Split(data, []byte("\n")), func(line []byte) bool { return bytes.Equal(line, text) }) {
			continue
		}
		if len(data) > 0 && data[len(data)-1] != '\n' {
			data = append(data, '\n')
		}
		data = append(append(data, text...), '\n')
	}
	return data, !bytes.Equal(data, now)
}

// has reports whether sshd would let that key in by this line.
func has(line []byte, fingerprint string) bool {
	sums, _ := keyOf(line)
	return slices.Contains(sums, fingerprint)
}

// free reports whether a line has a key and no options.
func free(line []byte) bool {
	sums, options := keyOf(line)
	return sums != nil && !options
}

// keyOf gives the fingerprints of the key in a line, and whether there are
// options before it. It reads the line as sshd does: the key is the second word
// or, if that is none, the second after the options, whatever the name before it
// says. Source: sshkey_read and sshkey_advance_past_options of OpenSSH.
func keyOf(line []byte) (sums []string, options bool) {
	line, _, _ = bytes.Cut(bytes.TrimRight(line, "\n"), []byte{0})
	line = bytes.TrimLeft(line, " \t")
	if len(line) == 0 || line[0] == '#' {
		return nil, false
	}
	quoted, i := false, 0
	for ; i < len(line) && (quoted || line[i] != ' ' && line[i] != '\t'); i++ {
		if line[i] == '\\' && i+1 < len(line) && line[i+1] == '"' {
			i++
		} else if line[i] == '"' {
			quoted = !quoted
		}
	}
	sums = fingerprints(word(line))
	if sums == nil || i > bytes.IndexAny(line, " \t") { // a name of a kind of key has no quotes
		sums, options = fingerprints(word(bytes.TrimLeft(line[i:], " \t"))), true
	}
	return sums, options
}

// word is the second word.
func word(line []byte) []byte {
	at := bytes.IndexAny(line, " \t")
	if at < 0 {
		return nil
	}
	line = bytes.TrimLeft(line[at:], " \t")
	if at = bytes.IndexAny(line, " \t"); at >= 0 {
		line = line[:at]
	}
	return line
}

// fingerprints are those of a key as it is written, and as sshd writes it:
// numbers may be written with more zeros before them than they need.
func fingerprints(text []byte) []string {
	blob, err := base64.StdEncoding.DecodeString(strings.Map(func(r rune) rune {
		if strings.ContainsRune("\r\v\f", r) {
			return -1
		}
		return r
	}, string(text)))
	if err != nil || len(blob) == 0 {
		return nil
	}
	return []string{fingerprint(blob), fingerprint(shortest(blob))}
}

func fingerprint(blob []byte) string {
	sum := sha256.Sum256(blob)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}

// shortest writes the numbers of an RSA or DSA key as RFC 4251 section 5 wants
// an mpint. Other keys have none.
func shortest(blob []byte) []byte {
	var out []byte
	for rest, first := blob, true; len(rest) > 0; first = false {
		if len(rest) < 4 || uint64(binary.BigEndian.Uint32(rest)) > uint64(len(rest)-4) {
			return blob
		}
		n := binary.BigEndian.Uint32(rest)
		field := rest[4 : 4+n]
		rest = rest[4+n:]
		if first && string(field) != "ssh-rsa" && string(field) != "ssh-dss" {
			return blob
		}
		if !first {
			if field = bytes.TrimLeft(field, "\x00"); len(field) > 0 && field[0] >= 0x80 {
				field = append([]byte{0}, field...)
			}
		}
		out = append(binary.BigEndian.AppendUint32(out, uint32(len(field))), field...)
	}
	return out
}
