package local_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"picket.internal/local"
)

var noon = time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)

func prepared(t *testing.T) local.Dir {
	t.Helper()
	dir, err := local.Dir(filepath.Join(t.TempDir(), "picket")).Prepare()
	must(t, err)
	return dir
}

func plant(t *testing.T, dir local.Dir) map[string]local.Canary {
	t.Helper()
	list, err := dir.Plant(noon)
	must(t, err)
	byID := make(map[string]local.Canary)
	for _, c := range list {
		byID[c.ID] = c
	}
	if len(byID) != 3 {
		t.Fatalf("planted %d canaries, want 3", len(byID))
	}
	return byID
}

func TestPlantedCanariesLookReal(t *testing.T) {
	canaries := plant(t, prepared(t))
	for id, pattern := range map[string]string{
		"aws-credentials":   `(?m)^\[default\]\naws_access_key_id = AKIA[A-Z2-7]{16}\naws_secret_access_key = [A-Za-z0-9+/]{40}\n\n\[`,
		"ssh-private-key":   `^-----BEGIN OPENSSH PRIVATE KEY-----\n([A-Za-z0-9+/=]{1,70}\n)+-----END OPENSSH PRIVATE KEY-----\n$`,
		"customer-database": `(?m)^\d+\t[a-z.]+\d\d@example\.(com|net|org)\t\w+ \w+\t\$2b\$12\$[./A-Za-z0-9]{53}\t\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\+00$`,
	} {
		data, err := os.ReadFile(canaries[id].Path)
		must(t, err)
		if !regexp.MustCompile(pattern).Match(data) {
			t.Errorf("%s does not look like one:\n%.300s", id, data)
		}
		info, err := os.Stat(canaries[id].Path)
		must(t, err)
		if age := noon.Sub(info.ModTime()); age < 30*24*time.Hour || age > 366*24*time.Hour {
			t.Errorf("%s looks %v old, want a month to a year", id, age)
		}
	}
}

func TestPlantedSSHKeyIsWellFormed(t *testing.T) {
	data, err := os.ReadFile(plant(t, prepared(t))["ssh-private-key"].Path)
	must(t, err)
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	raw, err := base64.StdEncoding.DecodeString(strings.Join(lines[1:len(lines)-1], ""))
	must(t, err)
	rest, ok := bytes.CutPrefix(raw, []byte("openssh-key-v1\x00none"[:15]))
	if !ok {
		t.Fatalf("magic is %q", raw[:15])
	}
	next := func() []byte {
		n := binary.BigEndian.Uint32(rest)
		field := rest[4 : 4+n]
		rest = rest[4+n:]
		return field
	}
	cipher, kdf, options := next(), next(), next()
	if string(cipher) != "none" || string(kdf) != "none" || len(options) != 0 {
		t.Errorf("cipher %q, kdf %q, options %q", cipher, kdf, options)
	}
	rest = rest[4:] // one key
	public, private := next(), next()
	if len(rest) != 0 {
		t.Errorf("%d bytes too many", len(rest))
	}
	if len(private)%8 != 0 || !bytes.Equal(private[:4], private[4:8]) || !bytes.HasPrefix(private[8:], public) {
		t.Error("the private section does not hold together")
	}
}

func TestPlantKeepsWhatIsThere(t *testing.T) {
	dir := prepared(t)
	first := plant(t, dir)
	aws, dump := first["aws-credentials"], first["customer-database"]
	must(t, os.WriteFile(aws.Path, []byte("changed by hand"), 0o600))
	must(t, os.Remove(dump.Path))

	second := plant(t, dir)
	if data, _ := os.ReadFile(aws.Path); string(data) != "changed by hand" {
		t.Errorf("a canary was overwritten: %.40q", data)
	}
	if second["aws-credentials"] != aws || second["ssh-private-key"] != first["ssh-private-key"] {
		t.Error("the record of a canary that stayed has changed")
	}
	if _, err := os.Stat(dump.Path); err != nil {
		t.Errorf("the missing canary was not planted again: %v", err)
	}
	if second["customer-database"].SHA256 == dump.SHA256 {
		t.Error("a canary planted anew has the same content")
	}
}

func TestCanariesDifferFromHostToHost(t *testing.T) {
	one, other := plant(t, prepared(t)), plant(t, prepared(t))
	for id := range one {
		if one[id].SHA256 == other[id].SHA256 {
			t.Errorf("%s is the same on two hosts", id)
		}
	}
}

func TestThreat_S11_CanaryPlantedThroughASymlink(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "shadow")
	must(t, os.WriteFile(outside, []byte("root:x"), 0o600))
	for _, tc := range []struct {
		name string
		trap func(t *testing.T, canaries string)
	}{
		{"in place of the file", func(t *testing.T, canaries string) {
			must(t, os.Mkdir(filepath.Join(canaries, "aws"), 0o700))
			must(t, os.Symlink(outside, filepath.Join(canaries, "aws", "credentials")))
		}},
		{"in place of its folder", func(t *testing.T, canaries string) {
			must(t, os.Symlink(filepath.Dir(outside), filepath.Join(canaries, "aws")))
		}},
		{"in place of the unfinished file", func(t *testing.T, canaries string) {
			must(t, os.Symlink(outside, canaries+".new"))
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := prepared(t)
			tc.trap(t, filepath.Join(string(dir), "canaries"))
			_, err := dir.Plant(noon)
			if tc.name != "in place of the unfinished file" && err == nil {
				t.Error("planted through a symlink")
			}
			if data, _ := os.ReadFile(outside); string(data) != "root:x" {
				t.Errorf("a file outside was overwritten: %q", data)
			}
			if entries, _ := os.ReadDir(filepath.Dir(outside)); len(entries) != 1 {
				t.Errorf("a file outside was made: %v", entries)
			}
		})
	}
}
