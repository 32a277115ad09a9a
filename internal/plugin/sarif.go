// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"encoding/json"
	"io"
	"path/filepath"

	"github.com/gatehouse-dev/gatehouse/internal/buildinfo"
)

// What follows are the parts of SARIF 2.1.0 that findings need.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool    sarifTool     `json:"tool"`
		Results []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		Version        string      `json:"version"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID    string    `json:"id"`
		Short sarifText `json:"shortDescription"`
	}
	sarifResult struct {
		RuleID    string          `json:"ruleId"`
		Level     string          `json:"level"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifLocation struct {
		Physical sarifPhysical `json:"physicalLocation"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
)

// writeSARIF writes findings in the Static Analysis Results Interchange Format, for code scanning.
func writeSARIF(out io.Writer, wrong []finding) error {
	run := sarifRun{Results: []sarifResult{}, Tool: sarifTool{sarifDriver{
		Name: "kubectl-gatehouse", Version: buildinfo.Version(), InformationURI: "https://github.com/gatehouse-dev/gatehouse",
		Rules: []sarifRule{
			{ruleSyntax, sarifText{"The file can be read"}},
			{ruleSchema, sarifText{"The API server takes the object"}},
			{rulePolicy, sarifText{"The OAuthClientPolicy of the namespace allows the object"}},
		},
	}}}
	for _, f := range wrong {
		place := sarifPhysical{Artifact: sarifArtifact{filepath.ToSlash(f.File)}}
		if f.Line > 0 {
			place.Region = &sarifRegion{f.Line}
		}
		text := f.Message
		if f.Field != "" {
			text = f.Field + " " + text
		}
		if f.Object != "" {
			text = f.Object + ": " + text
		}
		run.Results = append(run.Results, sarifResult{f.Rule, "error", sarifText{text}, []sarifLocation{{place}}})
	}
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(sarifLog{"https://json.schemastore.org/sarif-2.1.0.json", "2.1.0", []sarifRun{run}})
}
