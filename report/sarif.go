package report

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"

	"picket.internal/display"
	"picket.internal/engine/rule"
)

const sarifSchema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

// The parts of SARIF 2.1.0 that findings need.
type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool       sarifTool     `json:"tool"`
	ColumnKind string        `json:"columnKind"`
	Results    []sarifResult `json:"results"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name    string      `json:"name"`
	Version string      `json:"version"`
	Rules   []sarifRule `json:"rules"`
}

// sarifRule is what SARIF calls a rule: a code of findings.
type sarifRule struct {
	ID               string    `json:"id"`
	ShortDescription sarifText `json:"shortDescription"`
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifResult struct {
	RuleID       string            `json:"ruleId"`
	RuleIndex    int               `json:"ruleIndex"`
	Level        string            `json:"level"`
	Message      sarifText         `json:"message"`
	Locations    []sarifLocation   `json:"locations"`
	Fingerprints map[string]string `json:"partialFingerprints"`
}

type sarifLocation struct {
	Physical sarifPhysical `json:"physicalLocation"`
}

type sarifPhysical struct {
	Artifact sarifArtifact `json:"artifactLocation"`
	Region   *sarifRegion  `json:"region,omitempty"`
}

type sarifArtifact struct {
	URI string `json:"uri"`
}

type sarifRegion struct {
	Line    int        `json:"startLine"`
	Column  int        `json:"startColumn,omitempty"`
	Snippet *sarifText `json:"snippet,omitempty"`
}

// SARIF writes findings as one SARIF 2.1.0 log on one line. version is that of
// the program.
func SARIF(findings rule.Findings, version string) ([]byte, error) {
	run := sarifRun{ColumnKind: "unicodeCodePoints", Results: []sarifResult{}}
	run.Tool.Driver = sarifDriver{Name: "picket", Version: version, Rules: []sarifRule{}}
	for _, code := range codesOf(findings) {
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{ID: code, ShortDescription: sarifText{rule.CodeDoc(code)}})
	}
	twins := map[string]int{}
	for _, f := range findings {
		run.Results = append(run.Results, sarifOf(f, codesOf(findings), twins))
	}
	data, err := json.Marshal(sarifLog{Schema: sarifSchema, Version: "2.1.0", Runs: []sarifRun{run}})
	if err != nil {
		return nil, fmt.Errorf("writing SARIF: %w", err)
	}
	return append(display.JSONLine(data), '\n'), nil
}

// codesOf are the codes that findings have, each once, in order.
func codesOf(findings rule.Findings) []string {
	var codes []string
	for _, f := range findings {
		codes = append(codes, f.Code)
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}

func sarifOf(f rule.Finding, codes []string, twins map[string]int) sarifResult {
	index, _ := slices.BinarySearch(codes, f.Code)
	at := sarifPhysical{Artifact: sarifArtifact{URI: uri(f.File)}}
	if f.Line > 0 {
		at.Region = &sarifRegion{Line: f.Line, Column: f.Column}
		if f.Source != "" {
			at.Region.Snippet = &sarifText{f.Source}
		}
	}
	return sarifResult{
		RuleID: f.Code, RuleIndex: index, Level: string(f.Level), Message: sarifText{sentence(f)},
		Locations:    []sarifLocation{{at}},
		Fingerprints: map[string]string{"picketFinding/v1": fingerprint(f, twins)},
	}
}

// sentence is the message with what may have been meant.
func sentence(f rule.Finding) string {
	if f.Suggestion == "" {
		return f.Message
	}
	return f.Message + "; " + f.Suggestion
}

// fingerprint stays the same while lines above come and go; twins tells findings
// apart that are alike in everything else.
func fingerprint(f rule.Finding, twins map[string]int) string {
	key := fmt.Sprintf("%q %q %q %q", f.Code, f.File, f.Message, f.Source)
	twins[key]++
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", key, twins[key]))
	return hex.EncodeToString(sum[:16])
}

// uri is a path as a URI reference: relative where the path is.
func uri(path string) string {
	slashed := filepath.ToSlash(path)
	if filepath.IsAbs(path) {
		return (&url.URL{Scheme: "file", Path: slashed}).String()
	}
	return (&url.URL{Path: slashed}).String()
}
