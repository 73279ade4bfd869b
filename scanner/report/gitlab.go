package report

import (
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/limpet-security/limpet/internal/finding"
)

// GitLab's container scanning report, version 15.0.7 of its schema.
type gitlabReport struct {
	Version         string                `json:"version"`
	Scan            gitlabScan            `json:"scan"`
	Vulnerabilities []gitlabVulnerability `json:"vulnerabilities"`
}

type gitlabScan struct {
	Analyzer gitlabTool `json:"analyzer"`
	Scanner  gitlabTool `json:"scanner"`
	Type     string     `json:"type"`
	Start    string     `json:"start_time"`
	End      string     `json:"end_time"`
	Status   string     `json:"status"`
}

type gitlabTool struct {
	ID      string            `json:"id"`
	Name    string            `json:"name"`
	Vendor  map[string]string `json:"vendor"`
	Version string            `json:"version"`
}

type gitlabVulnerability struct {
	ID          string             `json:"id"`
	Name        string             `json:"name"`
	Description string             `json:"description,omitempty"`
	Severity    string             `json:"severity"`
	Solution    string             `json:"solution,omitempty"`
	Identifiers []gitlabIdentifier `json:"identifiers"`
	Links       []gitlabLink       `json:"links,omitempty"`
	Location    gitlabLocation     `json:"location"`
}

type gitlabIdentifier struct {
	Type  string `json:"type"`
	Name  string `json:"name"`
	Value string `json:"value"`
	URL   string `json:"url,omitempty"`
}

type gitlabLink struct {
	URL string `json:"url"`
}

type gitlabLocation struct {
	Dependency struct {
		Package struct {
			Name string `json:"name"`
		} `json:"package"`
		Version string `json:"version"`
	} `json:"dependency"`
	OS    string `json:"operating_system"`
	Image string `json:"image"`
}

// maxIdentifiers is what GitLab takes of one vulnerability.
const maxIdentifiers = 20

func gitlab(w io.Writer, r *finding.Report, _ Options) error {
	tool := gitlabTool{ID: "limpet", Name: "Limpet", Vendor: map[string]string{"name": "Limpet"}, Version: r.Scanner}
	doc := gitlabReport{Version: "15.0.7", Vulnerabilities: []gitlabVulnerability{}}
	// The format wants times. The database's keep equal scans equal.
	when := time.Unix(0, 0)
	if r.Database != nil {
		when = r.Database.Built
	}
	stamp := when.UTC().Format("2006-01-02T15:04:05")
	doc.Scan = gitlabScan{Analyzer: tool, Scanner: tool, Type: "container_scanning", Start: stamp, End: stamp, Status: "success"}
	if r.Integrity.Verdict != finding.Complete || r.Database == nil {
		doc.Scan.Status = "failure"
	}
	system := "unknown"
	if r.OS != nil {
		system = clean(strings.TrimSpace(r.OS.ID + " " + r.OS.Version))
	}
	for _, v := range r.Vulnerabilities {
		g := gitlabVulnerability{ID: gitlabID(r.Artifact.Name, v.ID, v.Package), Name: clean(v.ID + " in " + v.Name), Description: clean(v.Description), Severity: gitlabSeverity(v.Severity)}
		if v.FixedVersion != "" {
			g.Solution = clean(fmt.Sprintf("Upgrade %s from %s to %s", v.Name, v.Version, v.FixedVersion))
		}
		for _, id := range append([]string{v.ID}, v.Aliases...) {
			kind, _, _ := strings.Cut(strings.ToLower(id), "-")
			if len(g.Identifiers) < maxIdentifiers {
				g.Identifiers = append(g.Identifiers, gitlabIdentifier{Type: clean(kind), Name: clean(id), Value: clean(id)})
			}
		}
		for _, u := range v.URLs {
			if strings.HasPrefix(u, "https://") || strings.HasPrefix(u, "http://") {
				g.Links = append(g.Links, gitlabLink{clean(u)})
			}
		}
		g.Location.Dependency.Package.Name, g.Location.Dependency.Version = clean(v.Name), clean(v.Version)
		g.Location.OS, g.Location.Image = system, clean(r.Artifact.Name)
		doc.Vulnerabilities = append(doc.Vulnerabilities, g)
	}
	return encode(w, doc)
}

// gitlabID is a UUID that the same finding always gets.
func gitlabID(parts ...string) string {
	s := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	s[6], s[8] = s[6]&0x0f|0x80, s[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", s[:4], s[4:6], s[6:8], s[8:10], s[10:16])
}

func gitlabSeverity(s finding.Severity) string {
	switch s {
	case finding.Critical, finding.High, finding.Medium, finding.Low:
		return strings.ToUpper(string(s[:1])) + string(s[1:])
	case finding.Negligible:
		return "Info"
	}
	return "Unknown"
}
