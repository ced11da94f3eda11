package report

import (
	"encoding/json"
	"fmt"
	"strings"

	"picket.internal/display"
	"picket.internal/engine/rule"
)

// The parts of the ATT&CK Navigator's layer format, version 4.5, that a
// coverage needs.
type layer struct {
	Name        string           `json:"name"`
	Versions    layerVersions    `json:"versions"`
	Domain      string           `json:"domain"`
	Description string           `json:"description"`
	Filters     layerFilters     `json:"filters"`
	Techniques  []layerTechnique `json:"techniques"`
	Gradient    layerGradient    `json:"gradient"`
	Legend      []layerLegend    `json:"legendItems"`
}

type layerVersions struct {
	Attack    string `json:"attack"`
	Navigator string `json:"navigator"`
	Layer     string `json:"layer"`
}

type layerFilters struct {
	Platforms []string `json:"platforms"`
}

type layerTechnique struct {
	ID       string          `json:"techniqueID"`
	Score    int             `json:"score"`
	Color    string          `json:"color,omitempty"`
	Comment  string          `json:"comment"`
	Enabled  bool            `json:"enabled"`
	Metadata []layerMetadata `json:"metadata"`
}

type layerMetadata struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type layerGradient struct {
	Colors []string `json:"colors"`
	Min    int      `json:"minValue"`
	Max    int      `json:"maxValue"`
}

type layerLegend struct {
	Label string `json:"label"`
	Color string `json:"color"`
}

// Colours of the layer; they differ in lightness as well as in hue.
const (
	colourBlind    = "#d64545"
	colourUntested = "#f0c05a"
	colourFew      = "#cfe8cf"
	colourMany     = "#2f8f4e"
)

// navigatorVersion is the oldest Navigator that reads the layer.
const navigatorVersion = "4.9.0"

// Navigator writes techniques as a layer. The score of a technique is the number
// of its rules that some host provides facts for, or of all of them where no
// host was asked.
func Navigator(techniques []Technique, name string) ([]byte, error) {
	l := layer{
		Name: name, Domain: "enterprise-attack", Techniques: []layerTechnique{},
		Versions:    layerVersions{Attack: rule.AttackVersion, Navigator: navigatorVersion, Layer: "4.5"},
		Description: "techniques that the rules look for; the score is the number of rules that can see something",
		Filters:     layerFilters{Platforms: []string{"Linux"}},
		Legend: []layerLegend{
			{"no host provides what the rules need", colourBlind}, {"no test shows a rule to fire", colourUntested}, {"rules, tested", colourMany},
		},
	}
	most := 1
	for _, t := range techniques {
		if t.ID == Untagged {
			continue
		}
		lt := layerOf(t)
		most = max(most, lt.Score)
		l.Techniques = append(l.Techniques, lt)
	}
	l.Gradient = layerGradient{Colors: []string{colourFew, colourMany}, Min: 0, Max: most}
	data, err := json.Marshal(l)
	if err != nil {
		return nil, fmt.Errorf("writing the layer: %w", err)
	}
	return append(display.JSONBlock(data), '\n'), nil
}

func layerOf(t Technique) layerTechnique {
	lt := layerTechnique{ID: t.ID, Enabled: true, Comment: "rules: " + strings.Join(ruleIDs(t), ", ")}
	for _, r := range t.Rules {
		if !r.Blind {
			lt.Score++
		}
		lt.Metadata = append(lt.Metadata, layerMetadata{r.ID, ruleWords(r)})
	}
	switch {
	case t.Blind:
		lt.Color = colourBlind
		lt.Comment += "; blind: no host provides what they need"
	case !t.Tested:
		lt.Color = colourUntested
		lt.Comment += "; no test shows one of them to fire"
	}
	return lt
}

func ruleIDs(t Technique) []string {
	ids := make([]string, len(t.Rules))
	for i, r := range t.Rules {
		ids[i] = r.ID
	}
	return ids
}

func ruleWords(r CoveringRule) string {
	words := []string{r.Status, "not tested", "facts: " + strings.Join(r.Kinds, ", "), "fields: " + strings.Join(r.Fields, ", ")}
	if r.Tested {
		words[1] = "tested"
	}
	switch {
	case r.Blind:
		words = append(words, "hosts: none")
	case r.Hosts != nil:
		words = append(words, fmt.Sprintf("hosts: %d", len(r.Hosts)))
	}
	return strings.Join(words, "; ")
}
