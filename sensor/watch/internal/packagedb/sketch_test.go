//go:build linux

package packagedb

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"picket.internal/fact"
)

// sketchOfLists makes a sketch of lists of paths, by the package that has them.
func sketchOfLists(lists map[string][]string) *sketch {
	var s sketcher
	for owner, paths := range lists {
		for _, path := range paths {
			s.note([]byte(path))
		}
		s.end(owner)
	}
	return s.made()
}

func TestASketchHidesNothingAndAsksForLittle(t *testing.T) {
	lists := make(map[string][]string)
	for p := range 300 {
		owner := fmt.Sprintf("package-%d", p)
		for n := range p {
			lists[owner] = append(lists[owner], fmt.Sprintf("/usr/lib/%s/file-%d-%d", owner, p, n))
		}
	}
	s := sketchOfLists(lists)
	inVain := 0
	for i := range s.lists {
		l := &s.lists[i]
		for _, path := range lists[l.owner] {
			if !s.mayHold(l, []uint64{nameHash([]byte("other")), nameHash([]byte(path[strings.LastIndexByte(path, '/')+1:]))}) {
				t.Fatalf("%s of %s is hidden", path, l.owner)
			}
		}
		for n := range 10 {
			if s.mayHold(l, []uint64{nameHash(fmt.Appendf(nil, "nobody-has-%d", n))}) {
				inVain++
			}
		}
		if s.mayHold(l, nil) {
			t.Errorf("%s may hold none of no names", l.owner)
		}
	}
	// 1 of 100 is meant; the seed is another in each run.
	if inVain > 3000*5/100 {
		t.Errorf("%d of 3,000 lists are read for nothing", inVain)
	}
}

func TestASketchIsBounded(t *testing.T) {
	var long, many, huge sketcher
	for n := range maxSketch + 1 {
		long.note(fmt.Appendf(nil, "/%d", n))
	}
	long.end("long")
	for range maxSketched + 1 {
		many.end("many")
	}
	for range 3 { // each within bounds
		for range maxSketch * 8 / nameBits * 2 / 5 {
			huge.note([]byte("/x"))
		}
		huge.end("huge")
	}
	for name, s := range map[string]*sketcher{"long": &long, "many": &many, "huge": &huge} {
		s.note([]byte("/after"))
		s.end("after")
		if s.made() != nil || cap(s.bits) > 0 || cap(s.hashes) > 0 {
			t.Errorf("%s: there is a sketch of %d bytes", name, cap(s.bits))
		}
	}
}

// What the first question has read answers the later ones alike.
func TestASketchChangesNoAnswer(t *testing.T) {
	h := debian(t)
	db := h.db()
	h.put("opt/unowned", "ours")
	if got := h.vouch(db, "opt/unowned"); got.Verdict != fact.VouchUnowned {
		t.Fatalf("got %+v", got)
	}
	if db.sketch == nil || len(db.sketch.lists) != 6 {
		t.Fatalf("there is no sketch of all lists: %+v", db.sketch)
	}
	made := db.sketch
	for _, path := range []string{"usr/bin/ls", "bin/ls", "usr/bin/sh", "usr/bin/sh.distrib", "usr/lib/x/libc.so", "etc/tool.conf", "usr/bin/bare", "usr/local/bin/own"} {
		if diff := cmp.Diff(h.vouch(h.db(), path), h.vouch(db, path)); diff != "" {
			t.Errorf("%s, without and with a sketch: %s", path, diff)
		}
	}
	if db.sketch != made {
		t.Error("the sketch was made again")
	}
}

func TestASketchEndsWithTheLists(t *testing.T) {
	h := debian(t)
	db := h.db()
	h.put("opt/late", "late")
	if got := h.vouch(db, "opt/late"); got.Verdict != fact.VouchUnowned {
		t.Fatalf("got %+v", got)
	}
	h.put("var/lib/dpkg/info/late.list", "/opt/late\n")
	h.put("var/lib/dpkg/info/late.md5sums", md5Of("late")+"  opt/late\n")
	h.put("var/lib/dpkg/status", "Package: late\nVersion: 3\n"+installed)
	want := fact.Vouch{Verdict: fact.VouchOK, Name: "late", Version: "3", Type: Deb, Algorithm: "md5"}
	if got := h.vouch(db, "opt/late"); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// A list that could not be read is in no sketch that is kept.
func TestASketchOfHalfTheListsIsNotKept(t *testing.T) {
	h := debian(t)
	db := h.db()
	h.put("var/lib/dpkg/info/folder.list/x", "")
	if h.vouch(db, "usr/bin/ls"); db.sketch != nil {
		t.Errorf("there is one of %d lists", len(db.sketch.lists))
	}
}
