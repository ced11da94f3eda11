package sigma

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"picket.internal/engine/rule"
)

// Bounds of what documents of ours hold for people.
const (
	maxTitle       = 200
	maxDescription = 8 << 10
	maxID          = 100
)

// meta is what a Sigma document says about itself.
type meta struct {
	uuid, name, title, status, level, description, author, licence string
	date, modified                                                 string
	references, tags, falsePositives                               []string
	related                                                        []rule.Related
	notes                                                          []string // what was left out, for the comment at the top
}

// readMeta reads everything but what decides.
func readMeta(n *yaml.Node) (*meta, error) {
	if n.Kind != yaml.MappingNode {
		return nil, at(n, "a Sigma document must be a mapping")
	}
	m := &meta{}
	for _, part := range []struct {
		key string
		to  *string
	}{
		{"id", &m.uuid}, {"name", &m.name}, {"title", &m.title}, {"status", &m.status}, {"level", &m.level}, {"description", &m.description},
		{"author", &m.author}, {"license", &m.licence}, {"date", &m.date}, {"modified", &m.modified},
	} {
		var err error
		if *part.to, err = scalar(lookup(n, part.key), part.key); err != nil {
			return nil, err
		}
	}
	for _, part := range []struct {
		key string
		to  *[]string
	}{{"references", &m.references}, {"tags", &m.tags}, {"falsepositives", &m.falsePositives}} {
		var err error
		if *part.to, err = texts(lookup(n, part.key), part.key); err != nil {
			return nil, err
		}
	}
	if m.title = oneLine(m.title); m.title == "" {
		return nil, at(n, "the document has no title")
	}
	if taxonomy, _ := scalar(lookup(n, "taxonomy"), ""); taxonomy != "" && taxonomy != "sigma" {
		return nil, fmt.Errorf("taxonomy: the field names of %q are not known here", taxonomy)
	}
	m.author = oneLine(m.author)
	return m, m.readRelated(lookup(n, "related"))
}

func (m *meta) readRelated(n *yaml.Node) error {
	if m.uuid != "" {
		m.related = append(m.related, rule.Related{ID: m.uuid, Type: "derived"})
	}
	if n == nil {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		return at(n, "related must be a list")
	}
	for _, item := range n.Content {
		id, err := scalar(lookup(item, "id"), "id")
		if err != nil || id == "" {
			return at(item, "an entry of related has no id")
		}
		kind, err := scalar(lookup(item, "type"), "type")
		if err != nil {
			return err
		}
		m.related = append(m.related, rule.Related{ID: id, Type: kind})
	}
	return nil
}

// oneLine joins the lines of a text that is to have one.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// cut shortens a text to so many bytes.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most-len("…")], "") + "…"
}

// ourStatus says how far the rule is trusted here: what Sigma calls stable is.
func (m *meta) ourStatus() (string, error) {
	switch m.status {
	case "stable", "test", "experimental", "deprecated":
		return m.status, nil
	case "":
		return string(rule.StatusExperimental), nil
	case "unsupported":
		return "", fmt.Errorf("status: unsupported says that the rule cannot be used as it is")
	}
	return "", fmt.Errorf("status: %q is not one of Sigma's", m.status)
}

func (m *meta) severity() (string, error) {
	switch m.level {
	case rule.Low, rule.Medium, rule.High, rule.Critical:
		return m.level, nil
	case "informational":
		return rule.Info, nil
	case "":
		m.note("Sigma states no level: medium is a guess")
		return rule.Medium, nil
	}
	return "", fmt.Errorf("level: %q is not one of Sigma's", m.level)
}

func (m *meta) note(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(m.notes, text) {
		m.notes = append(m.notes, text)
	}
}

// gone are tactics of earlier versions of ATT&CK that became more than one; which
// is meant, the techniques say.
var gone = map[string]string{"attack.defense-evasion": "attack.stealth or attack.defense-impairment"}

var tagForm = regexp.MustCompile(`^[a-z0-9_-]+(\.[a-z0-9_-]+)+$`)

// ourTags are the tags as lint wants them.
func (m *meta) ourTags() ([]string, error) {
	var out []string
	for _, tag := range m.tags {
		tag = strings.ToLower(strings.TrimSpace(tag))
		if strings.HasPrefix(tag, "attack.") {
			tag = strings.ReplaceAll(tag, "_", "-")
		}
		switch now, is := gone[tag]; {
		case is:
			m.note("left out the tag %s, which is %s since ATT&CK 19", tag, now)
		case !tagForm.MatchString(tag):
			return nil, fmt.Errorf("malformed tag %q", tag)
		case !slices.Contains(out, tag):
			out = append(out, tag)
		}
	}
	return out, nil
}

// ourID is the rule's name here: that of its file, which Sigma keeps when a rule
// changes. Where a file holds several documents, theirs comes behind.
func (m *meta) ourID(file string, several bool) string {
	id := stem(file)
	own := slug(m.name)
	if own == "" {
		own = slug(m.title)
	}
	switch {
	case own == "":
		own = slug(m.uuid)
	case several && id != "":
		id += "."
	}
	if several || id == "" {
		id += own
	}
	if id == "" {
		id = "rule"
	}
	return cutID("sigma." + id)
}

// stem is what of a file's name may be part of an id.
func stem(file string) string {
	base := path.Base(strings.ReplaceAll(file, `\`, "/"))
	return slug(strings.TrimSuffix(base, path.Ext(base)))
}

func fileName(file string) string {
	s := stem(file)
	if s == "" {
		s = "rule"
	}
	return cutID(s) + ".yaml"
}

// cutID shortens an id in its middle, so that both what it begins with and what
// tells it from others stay.
func cutID(id string) string {
	if len(id) <= maxID {
		return id
	}
	return strings.TrimRight(id[:maxID/2], "._-") + "_" + strings.TrimLeft(id[len(id)-maxID/2+1:], "._-")
}

var notSlug = regexp.MustCompile(`[^a-z0-9]+`)

func slug(s string) string {
	return strings.Trim(notSlug.ReplaceAllString(strings.ToLower(s), "_"), "_")
}
