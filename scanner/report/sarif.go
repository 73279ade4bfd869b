package report

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/limpet-security/limpet/internal/finding"
)

// The parts of SARIF 2.1.0 that are written.
type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool struct {
		Driver sarifDriver `json:"driver"`
	} `json:"tool"`
	Invocations []sarifInvocation        `json:"invocations"`
	Bases       map[string]sarifArtifact `json:"originalUriBaseIds"`
	ColumnKind  string                   `json:"columnKind"`
	Results     []sarifResult            `json:"results"`
	Properties  map[string]any           `json:"properties,omitempty"`
}

type sarifDriver struct {
	Name    string      `json:"name"`
	Version string      `json:"version,omitempty"`
	Rules   []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID         string         `json:"id"`
	Short      sarifText      `json:"shortDescription"`
	Full       sarifText      `json:"fullDescription"`
	Help       *sarifText     `json:"help,omitempty"`
	HelpURI    string         `json:"helpUri,omitempty"`
	Properties map[string]any `json:"properties"`
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifInvocation struct {
	OK            bool                `json:"executionSuccessful"`
	Notifications []sarifNotification `json:"toolExecutionNotifications,omitempty"`
}

type sarifNotification struct {
	Level   string    `json:"level"`
	Message sarifText `json:"message"`
}

type sarifArtifact struct {
	URI         string     `json:"uri,omitempty"`
	BaseID      string     `json:"uriBaseId,omitempty"`
	Description *sarifText `json:"description,omitempty"`
}

type sarifResult struct {
	RuleID       string             `json:"ruleId"`
	RuleIndex    int                `json:"ruleIndex"`
	Level        string             `json:"level"`
	Message      sarifText          `json:"message"`
	Locations    []sarifLocation    `json:"locations"`
	Fingerprints map[string]string  `json:"partialFingerprints"`
	Suppressions []sarifSuppression `json:"suppressions,omitempty"`
	Properties   map[string]any     `json:"properties,omitempty"`
}

type sarifLocation struct {
	Physical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	} `json:"physicalLocation"`
}

type sarifRegion struct {
	Start int `json:"startLine"`
}

type sarifSuppression struct {
	Kind          string `json:"kind"`
	Justification string `json:"justification"`
}

// sarif writes SARIF 2.1.0, the form that code hosts show.
func sarif(w io.Writer, r *finding.Report, _ Options) error {
	b := sarifBuilder{index: map[string]int{}, artifact: r.Artifact.Name, base: "ROOT"}
	b.run.Tool.Driver = sarifDriver{Name: "Limpet", Version: r.Scanner, Rules: []sarifRule{}}
	b.run.Results, b.run.ColumnKind = []sarifResult{}, "utf16CodeUnits"
	b.run.Bases = map[string]sarifArtifact{"ROOT": {URI: "file:///"}}
	if r.Artifact.Kind == finding.KindConfig { // relative to where the source is checked out
		b.base = "SRCROOT"
		b.run.Bases = map[string]sarifArtifact{b.base: {Description: &sarifText{"the folder that was scanned"}}}
	}
	b.run.Properties = map[string]any{"artifact": clean(r.Artifact.Name), "integrity": string(r.Integrity.Verdict)}
	if r.Artifact.Digest != "" {
		b.run.Properties["digest"] = clean(r.Artifact.Digest)
	}
	invocation := sarifInvocation{OK: r.Integrity.Verdict == finding.Complete}
	for _, a := range r.Integrity.Anomalies {
		if a.Effect != finding.Complete {
			invocation.Notifications = append(invocation.Notifications, sarifNotification{"error", sarifText{oneLine(a.Code + ": " + a.Path + " " + a.Detail)}})
		}
	}
	for _, c := range r.Coverage {
		if !c.Data {
			invocation.Notifications = append(invocation.Notifications, sarifNotification{"warning", sarifText{oneLine(fmt.Sprintf("no data for %s (%d packages): %s", c.Ecosystem, c.Packages, c.Detail))}})
		}
	}
	b.run.Invocations = []sarifInvocation{invocation}
	for _, v := range r.Vulnerabilities {
		score := 0.0
		for _, c := range v.CVSS {
			score = max(score, c.Score)
		}
		help := ""
		if len(v.URLs) > 0 {
			help = v.URLs[0]
		}
		message := fmt.Sprintf("%s %s: %s. %s", v.Name, v.Version, strings.TrimPrefix(fixOf(v), "-> "), v.Title)
		if v.FixedVersion != "" {
			message = fmt.Sprintf("%s %s is fixed in %s. %s", v.Name, v.Version, v.FixedVersion, v.Title)
		}
		b.add("vulnerability", v.ID, v.Severity, score, or(v.Title, v.ID), v.Description, help, message, v.Place, v.Name+"@"+v.Version)
	}
	for _, m := range r.Malware {
		b.add("malware", m.Rule, m.Severity, 0, "Malware: "+m.Rule, "", "", "The file matches the "+m.Engine+" signature "+m.Rule, m.Place, m.SHA256)
	}
	for _, s := range r.Secrets {
		b.add("secret", s.Rule, s.Severity, 0, s.Title, "", "", s.Title+" "+s.Masked, s.Place, s.Masked)
	}
	for _, m := range r.Misconfigurations {
		b.add("misconfiguration", m.ID, m.Severity, 0, m.Title, strings.TrimSpace(m.Why+" "+m.Resolution), firstURL(m.References), m.Message, m.Place, m.Message)
	}
	for _, s := range r.Suppressed {
		b.add("suppressed", s.ID, finding.Unknown, 0, s.ID, "", "", strings.TrimSpace(s.Name+" "+s.Version)+" was set aside", finding.Place{Path: s.Path}, s.Package+s.By)
		b.run.Results[len(b.run.Results)-1].Suppressions = []sarifSuppression{{"external", clean(s.By + ": " + s.Reason)}}
	}
	return encode(w, sarifLog{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{b.run}})
}

type sarifBuilder struct {
	run      sarifRun
	index    map[string]int
	artifact string
	base     string // what locations are relative to
}

func (b *sarifBuilder) add(kind, id string, sev finding.Severity, score float64, short, full, help, message string, p finding.Place, distinct string) {
	i, known := b.index[id]
	if !known {
		i = len(b.run.Tool.Driver.Rules)
		b.index[id] = i
		rule := sarifRule{ID: clean(id), Short: sarifText{oneLine(or(short, id))}, Full: sarifText{clean(or(full, short, id))}, Properties: map[string]any{"tags": []string{"security", kind}}}
		if score == 0 {
			score = map[finding.Severity]float64{finding.Critical: 9.5, finding.High: 8, finding.Medium: 5.5, finding.Low: 2, finding.Negligible: 0.5}[sev]
		}
		rule.Properties["security-severity"] = fmt.Sprintf("%.1f", score)
		if u, err := url.Parse(help); err == nil && (u.Scheme == "https" || u.Scheme == "http") {
			rule.HelpURI = u.String()
		}
		b.run.Tool.Driver.Rules = append(b.run.Tool.Driver.Rules, rule)
	}
	result := sarifResult{RuleID: clean(id), RuleIndex: i, Level: sarifLevel(sev), Message: sarifText{oneLine(message)}}
	result.Fingerprints = map[string]string{"limpet/v1": fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join([]string{kind, id, distinct, at(p)}, "\x00"))))}
	var l sarifLocation
	l.Physical.Artifact = sarifArtifact{URI: relative(or(p.Path, "/")), BaseID: b.base}
	if p.Line > 0 {
		l.Physical.Region = &sarifRegion{p.Line}
	}
	result.Locations = []sarifLocation{l}
	b.run.Results = append(b.run.Results, result)
}

// relative is a path as a URI reference below the root.
func relative(path string) string {
	u := url.URL{Path: strings.TrimPrefix(path, "/")}
	if u.Path == "" {
		u.Path = "."
	}
	return u.String() // "a:b" becomes "./a:b"
}

func firstURL(references []string) string {
	for _, r := range references {
		if strings.HasPrefix(r, "https://") {
			return r
		}
	}
	return ""
}

func sarifLevel(s finding.Severity) string {
	switch {
	case s.Rank() >= finding.High.Rank():
		return "error"
	case s == finding.Medium:
		return "warning"
	}
	return "note"
}

func or(texts ...string) string {
	for _, t := range texts {
		if strings.TrimSpace(t) != "" {
			return t
		}
	}
	return ""
}
