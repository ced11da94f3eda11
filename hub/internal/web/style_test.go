package web_test

import (
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	types "picket.internal/api"
)

// theme is the tokens of one colour scheme.
type theme map[string]string

var token = regexp.MustCompile(`--([a-z-]+):\s*(#[0-9a-f]{6})\s*;`)

// themes reads the tokens off the stylesheet: dark overrides light.
func themes(t *testing.T) map[string]theme {
	t.Helper()
	css, err := os.ReadFile("assets/style.css")
	must(t, err)
	before, after, ok := strings.Cut(string(css), "@media (prefers-color-scheme: dark)")
	if !ok {
		t.Fatal("the stylesheet has no dark theme")
	}
	block, _, _ := strings.Cut(after, "\n}\n")
	light, dark := theme{}, theme{}
	for _, m := range token.FindAllStringSubmatch(before, -1) {
		light[m[1]], dark[m[1]] = m[2], m[2]
	}
	overridden := 0
	for _, m := range token.FindAllStringSubmatch(block, -1) {
		if light[m[1]] == "" {
			t.Errorf("--%s is only in the dark theme", m[1])
		}
		dark[m[1]] = m[2]
		overridden++
	}
	if overridden < len(light) {
		t.Errorf("the dark theme has %d of %d colours", overridden, len(light))
	}
	return map[string]theme{"light": light, "dark": dark}
}

// luminance is the relative luminance of WCAG 2.2.
func luminance(t *testing.T, color string) float64 {
	t.Helper()
	n, err := strconv.ParseUint(strings.TrimPrefix(color, "#"), 16, 32)
	must(t, err)
	linear := func(shift uint) float64 {
		c := float64(n>>shift&0xff) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(16) + 0.7152*linear(8) + 0.0722*linear(0)
}

func contrast(t *testing.T, one, other string) float64 {
	t.Helper()
	a, b := luminance(t, one), luminance(t, other)
	return (math.Max(a, b) + 0.05) / (math.Min(a, b) + 0.05)
}

// pairs are every colour that carries text, with the grounds it stands on.
var pairs = map[string][]string{
	"text":        {"ground", "surface", "hover", "sunken", "accent-ground"},
	"muted":       {"ground", "surface", "hover", "sunken", "accent-ground"},
	"accent":      {"ground", "surface", "hover", "accent-ground"},
	"on-accent":   {"accent"},
	"good":        {"ground", "surface", "hover", "accent-ground"},
	"bad":         {"ground", "surface", "hover", "accent-ground"},
	"warn":        {"ground", "surface", "hover", "accent-ground", "warn-ground"},
	"esc":         {"esc-ground"},
	"info":        {"ground", "surface", "hover", "accent-ground"},
	"low":         {"ground", "surface", "hover", "accent-ground"},
	"medium":      {"ground", "surface", "hover", "accent-ground"},
	"high":        {"ground", "surface", "hover", "accent-ground"},
	"on-critical": {"critical"},
}

func TestContrast(t *testing.T) {
	for name, theme := range themes(t) {
		used := map[string]bool{"line": true} // carries no text
		for text, grounds := range pairs {
			used[text] = true
			for _, ground := range grounds {
				used[ground] = true
				if c := contrast(t, theme[text], theme[ground]); c < 4.5 {
					t.Errorf("%s: --%s on --%s is %.2f:1", name, text, ground, c)
				}
			}
		}
		for token := range theme {
			if !used[token] {
				t.Errorf("%s: --%s is in no pair: is it used for text?", name, token)
			}
		}
	}
}

// Severities differ in lightness as well as in hue, so that they can be told
// apart without seeing colour.
func TestSeveritiesDifferInLightness(t *testing.T) {
	for name, theme := range themes(t) {
		for i, one := range types.Severities {
			for _, other := range types.Severities[i+1:] {
				if c := contrast(t, theme[one], theme[other]); c < 1.07 {
					t.Errorf("%s: --%s and --%s are equally light (%.2f:1)", name, one, other, c)
				}
			}
		}
	}
}

// Colours stand in the tokens and nowhere else.
func TestColoursAreTokens(t *testing.T) {
	css, err := os.ReadFile("assets/style.css")
	must(t, err)
	for n, line := range strings.Split(string(css), "\n") {
		if !token.MatchString(line) && regexp.MustCompile(`#[0-9a-fA-F]{3,8}\b|rgba?\(|hsla?\(`).MatchString(line) {
			t.Errorf("line %d: %s", n+1, line)
		}
	}
	if strings.Contains(string(css), "url(") || strings.Contains(string(css), "@import") {
		t.Error("the stylesheet loads something")
	}
}
