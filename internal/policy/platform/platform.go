package platform

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/limpet-security/limpet/internal/policy"
)

// Platform is a kind of host.
type Platform struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Rung  string `json:"rung" doc:"Of the engine ladder: A1, A2, A3, B, C"`
	About string `json:"about" doc:"What is assumed of it"`
}

// Cell is what a control comes to on a platform: enforced, audit or
// unavailable.
type Cell struct {
	Enforce  string `json:"enforce" doc:"State where the policy enforces the control"`
	Audit    string `json:"audit" doc:"State where the policy only audits it"`
	Why      string `json:"why,omitempty" doc:"What is missing or weaker where it is enforced"`
	WhyAudit string `json:"whyAudit,omitempty" doc:"The same where it is audited"`
}

// Row is one control on every platform, in the order of Table.Platforms.
type Row struct {
	Control policy.ControlID `json:"control"`
	On      []Cell           `json:"on"`
}

// Table is all of it, controls in the order of policy.Registry.
type Table struct {
	Platforms []Platform `json:"platforms"`
	Controls  []Row      `json:"controls"`
}

//go:embed platforms.json
var encoded []byte

// Known gives the table of this version. It must not be changed.
var Known = sync.OnceValue(func() Table {
	var t Table
	if err := json.Unmarshal(encoded, &t); err != nil {
		panic(fmt.Errorf("cannot read platforms.json: %w", err)) // a test reads it
	}
	return t
})

// Row gives a control's row; false if the table has none.
func (t Table) Row(id policy.ControlID) (Row, bool) {
	for _, r := range t.Controls {
		if r.Control == id {
			return r, true
		}
	}
	return Row{}, false
}

// Word says a state for people.
func Word(state string) string {
	switch state {
	case "audit":
		return "audit only"
	case "unavailable":
		return "no"
	}
	return state
}

// In says in a few words what a cell comes to; a difference between the modes
// is named.
func (c Cell) In() string {
	s := Word(c.Enforce)
	if c.Audit == "unavailable" && c.Enforce != "unavailable" {
		s += ", not in audit mode"
	}
	return s
}

// Markdown writes the table as a page.
func (t Table) Markdown() string {
	var b strings.Builder
	b.WriteString(`# What each platform can do

Made by ` + "`go test ./internal/enforcer -run PlatformsAreCurrent -update`" + ` from the code that answers ` + "`microenforcer status`" + `, and held
against real runs by ` + "`TestDockerPlatformsAreTrue`" + `. It is what to expect; what an enforcer found on its own host is in
its status, and that counts. The controls run as root with Docker's default capabilities, with a drift manifest, under the
policy internal/policy/platform/every.yaml. The rungs are those of docs/THREATMODEL.md.

`)
	for _, p := range t.Platforms {
		fmt.Fprintf(&b, "- **%s** (rung %s): %s\n", p.Title, p.Rung, p.About)
	}
	b.WriteString("\n| control |")
	for _, p := range t.Platforms {
		fmt.Fprintf(&b, " %s (%s) |", p.Title, p.Rung)
	}
	b.WriteString("\n|---" + strings.Repeat("|---", len(t.Platforms)) + "|\n")
	notes := map[string]int{}
	var order []string
	note := func(s string) string {
		if s == "" {
			return ""
		}
		if notes[s] == 0 {
			order = append(order, s)
			notes[s] = len(order)
		}
		return fmt.Sprintf(" [%d]", notes[s])
	}
	for _, r := range t.Controls {
		fmt.Fprintf(&b, "| %s |", r.Control.Title())
		for _, c := range r.On {
			fmt.Fprintf(&b, " %s%s |", c.In(), note(c.Why))
		}
		b.WriteString("\n")
	}
	b.WriteString("\n")
	for i, s := range order {
		fmt.Fprintf(&b, "%d. %s\n", i+1, s)
	}
	return b.String()
}
