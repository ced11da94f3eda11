package rule

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

//go:embed attack/techniques.txt
var techniquesText string

// techniques is what is known of ATT&CK, by id in lower case.
type techniques struct {
	version  string
	highest  map[string]int    // by technique: the highest number of a sub-technique
	replaced map[string]string // by id that is gone
	names    map[string]string
}

// Between these the data does not know all techniques that there are.
const openFrom, openTo = "t1660", "t1700"

var attackData = sync.OnceValue(func() *techniques {
	t := &techniques{highest: map[string]int{}, replaced: map[string]string{}, names: map[string]string{}}
	for line := range strings.Lines(techniquesText) {
		line = strings.TrimSpace(line)
		if v, ok := strings.CutPrefix(line, "# version: "); ok {
			t.version = v
		}
		if line == "" || line[0] == '#' {
			continue
		}
		if old, now, ok := strings.Cut(line, " -> "); ok {
			t.replaced[strings.ToLower(old)] = now
			continue
		}
		if id, name, ok := strings.Cut(line, " = "); ok {
			t.names[strings.ToLower(id)] = name
			continue
		}
		id, count, _ := strings.Cut(line, " ")
		n, _ := strconv.Atoi(count)
		t.highest[strings.ToLower(id)] = n
	}
	return t
})

// TechniqueName is the name of an ATT&CK technique by its id, as in T1105;
// "" where the data does not know it.
func TechniqueName(id string) string { return attackData().names[strings.ToLower(id)] }

// techniqueProblem says what is wrong with a tag that is a technique's id; ""
// where nothing is.
func techniqueProblem(name string) (message, hint string) {
	if !attackID.MatchString(name) || name[0] != 't' {
		return "", ""
	}
	t := attackData()
	if now, gone := t.replaced[name]; gone {
		return fmt.Sprintf("ATT&CK version %s no longer has %s", t.version, name), "it has " + strings.ToLower(now) + " in its place"
	}
	id, sub, _ := strings.Cut(name, ".")
	n, _ := strconv.Atoi(sub)
	if highest, ok := t.highest[id]; ok && n <= highest || id >= openFrom && id < openTo || t.names[name] != "" {
		return "", ""
	}
	return fmt.Sprintf("there is no technique %s in the data of ATT&CK version %s", name, t.version), ""
}
