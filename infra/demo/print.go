package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// describe says in one line what an attack achieved and what was seen of it.
func describe(o outcome) string {
	var s strings.Builder
	if o.won {
		s.WriteString("succeeded")
	} else {
		s.WriteString("failed")
	}
	if o.event == nil {
		s.WriteString(", NOT SEEN")
		return s.String()
	}
	fmt.Fprintf(&s, ", seen by %s (%s", o.event.Control, o.event.Technique)
	if o.event.ErrnoName != "" {
		fmt.Fprintf(&s, ", %s", o.event.ErrnoName)
	}
	if o.event.Killed {
		s.WriteString(", killed")
	}
	s.WriteString(")")
	return s.String()
}

// printResults prints the table and the explanations, and counts the attacks
// that were not both detected and blocked.
func (d *demo) printResults(results []result) (bad int) {
	d.say("What happened")
	w := tabwriter.NewWriter(d.Out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "  ATTACK\tAUDIT MODE\tENFORCE MODE\t")
	for _, r := range results {
		if r.skipped != "" {
			fmt.Fprintf(w, "  %s\tnot made: %s\t\t\n", r.name, r.skipped)
			continue
		}
		a, e := "NOT DETECTED", "NOT BLOCKED"
		switch {
		case r.audit.event != nil && r.audit.won:
			a = "ran, detected"
		case r.audit.event != nil:
			a = "detected, BUT DID NOT RUN"
		}
		switch {
		case r.enforce.event != nil && !r.enforce.won:
			e = "blocked"
		case !r.enforce.won:
			e = "failed, BUT NO EVENT"
		}
		mark := ""
		if !r.ok() {
			bad++
			mark = "  <-- not as it must be"
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", r.name, a, e, mark)
	}
	_ = w.Flush()
	for _, r := range results {
		switch {
		case r.skipped != "":
		case r.ok():
			fmt.Fprintf(d.Out, "\n  %s\n    %s\n    %s/events/%s\n", r.name, r.enforce.event.Reason, d.consoleURL, r.enforce.event.ID)
		default:
			fmt.Fprintf(d.Out, "\n  %s, output in audit mode: %.400q, in enforce mode: %.400q\n", r.name, r.audit.output, r.enforce.output)
		}
	}
	return bad
}
