package status

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Report is what one enforcer says about itself.
type Report struct {
	Version    string     `json:"version"`
	PID        int        `json:"pid"`
	Rung       string     `json:"rung"` // A1, A2, A3, B, C
	Since      time.Time  `json:"since"`
	Image      string     `json:"image,omitempty"`
	Policy     Policy     `json:"policy"`
	Controls   []Control  `json:"controls"`
	Facilities []Facility `json:"facilities"`
	Events     Events     `json:"events"`
	Link       *Link      `json:"link,omitempty"` // nil: no control plane
}

// Policy says where the policy in force came from.
type Policy struct {
	Source   string   `json:"source"` // file, bundle, default
	Names    []string `json:"names"`
	Group    string   `json:"group,omitempty"`
	Mode     string   `json:"mode,omitempty"` // of the group
	Epoch    uint64   `json:"epoch,omitempty"`
	Number   uint64   `json:"number,omitempty"`
	Manifest bool     `json:"manifest"`           // a drift manifest is there
	Learning bool     `json:"learning,omitempty"` // what the workload does is reported
}

// Control is the truth about one control.
type Control struct {
	Control string `json:"control"`
	State   string `json:"state"` // enforced, audit, off, unavailable
	Reason  string `json:"reason,omitempty"`
	Errno   int    `json:"errno,omitempty"`
}

// Facility is one thing the kernel was tried for.
type Facility struct {
	Name  string `json:"name"`
	OK    bool   `json:"ok"`
	Errno string `json:"errno,omitempty"`
}

// Events counts violations, and events by what became of them.
type Events struct {
	Violations uint64 `json:"violations"`
	Generated  uint64 `json:"generated"`
	Delivered  uint64 `json:"delivered"`
	Dropped    uint64 `json:"dropped"`
	Waiting    uint64 `json:"waiting"`
}

// Link is the state of the connection to the control plane.
type Link struct {
	Gateway   string `json:"gateway"`
	Connected bool   `json:"connected"`
	Enrolled  bool   `json:"enrolled"`
	LastError string `json:"lastError,omitempty"`
}

// states orders controls for people: first what does not hold.
var states = []string{"unavailable", "enforced", "audit", "off"}

// WriteText writes a report for people: counts, then what they ask for first,
// controls that do not hold and facilities that are missing.
func (r *Report) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "enforcer\tversion %s, rung %s", r.Version, r.Rung)
	if r.PID != 0 {
		fmt.Fprintf(t, ", pid %d, up since %s", r.PID, r.Since.Format(time.RFC3339))
	}
	fmt.Fprintln(t)
	if r.Image != "" {
		fmt.Fprintf(t, "image\t%s\n", r.Image)
	}
	fmt.Fprintf(t, "policy\t%s %v", r.Policy.Source, r.Policy.Names)
	if r.Policy.Number > 0 {
		fmt.Fprintf(t, ", number %d.%d", r.Policy.Epoch, r.Policy.Number)
	}
	if r.Policy.Mode != "" {
		fmt.Fprintf(t, ", group mode %s", r.Policy.Mode)
	}
	manifest := "none"
	if r.Policy.Manifest {
		manifest = "present"
	}
	fmt.Fprintf(t, "\nmanifest\t%s\n", manifest)
	if r.Link != nil {
		state := "away"
		if r.Link.Connected {
			state = "connected"
		}
		fmt.Fprintf(t, "gateway\t%s, %s %s\n", r.Link.Gateway, state, r.Link.LastError)
	}
	fmt.Fprintf(t, "events\t%d violations; %d generated, %d delivered, %d waiting, %d dropped\n",
		r.Events.Violations, r.Events.Generated, r.Events.Delivered, r.Events.Waiting, r.Events.Dropped)
	fmt.Fprintf(t, "controls\t%s\n\n", r.counts())
	fmt.Fprintln(t, "CONTROL\tSTATE\tREASON")
	for _, c := range slices.SortedStableFunc(slices.Values(r.Controls), func(a, b Control) int {
		return slices.Index(states, a.State) - slices.Index(states, b.State)
	}) {
		fmt.Fprintf(t, "%s\t%s\t%s\n", c.Control, c.State, c.Reason)
	}
	fmt.Fprintln(t, "\nFACILITY\tSTATE\t")
	for _, f := range slices.SortedStableFunc(slices.Values(r.Facilities), func(a, b Facility) int {
		switch {
		case a.OK == b.OK:
			return 0
		case b.OK:
			return -1
		}
		return 1
	}) {
		state := "ok"
		if !f.OK {
			state = "missing: " + f.Errno
		}
		fmt.Fprintf(t, "%s\t%s\t\n", f.Name, state)
	}
	return t.Flush()
}

// counts is how many controls there are of each state, and which do not hold.
func (r *Report) counts() string {
	var parts []string
	for _, state := range states {
		var names []string
		for _, c := range r.Controls {
			if c.State == state {
				names = append(names, c.Control)
			}
		}
		if len(names) == 0 && state != "unavailable" {
			continue
		}
		text := fmt.Sprintf("%d %s", len(names), state)
		if state == "unavailable" && len(names) > 0 {
			text += " (" + strings.Join(names, ", ") + ")"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}
