package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/limpet-security/limpet/internal/assurance"
)

// assuranceChange is an artefact that would come out otherwise.
type assuranceChange struct {
	Name    string                `json:"name"`
	Digest  string                `json:"digest,omitempty"`
	Before  assurance.Result      `json:"before"`
	After   assurance.Result      `json:"after"`
	New     []assurance.Violation `json:"new"`
	Gone    []assurance.Violation `json:"gone"`
	Running int                   `json:"running"`
}

// assuranceSimulation is what a draft would change: all pages of the server's
// answer, or of reports in files.
type assuranceSimulation struct {
	Judged     int               `json:"judged"`
	OutOfScope int               `json:"outOfScope"`
	Unread     int               `json:"unread"`
	Changes    []assuranceChange `json:"changes"`
	Unscanned  []struct {
		Image     string `json:"image"`
		Enforcers int64  `json:"enforcers"`
	} `json:"unscanned,omitempty"`
	NextCursor string `json:"nextCursor,omitempty"`
}

// draftOf gives the assurance policy in a text; nil where it is another kind's.
func draftOf(text []byte) (*assurance.Policy, error) {
	var head struct{ Kind string }
	if yaml.Unmarshal(text, &head) != nil || head.Kind != assurance.Kind {
		return nil, nil // what is wrong with it is for whoever reads it next to say
	}
	return assurance.Parse(text)
}

// simulateAssurance tries a draft: on report files, or on what the control plane
// keeps.
func simulateAssurance(cmd *cobra.Command, conn *connection, draft *assurance.Policy, text []byte, against string, reports []string, format string) (err error) {
	var s assuranceSimulation
	if len(reports) > 0 {
		s, err = simulateFiles(cmd.InOrStdin(), draft, against, reports)
	} else {
		s, err = simulateKept(cmd.Context(), conn, text)
	}
	if err != nil {
		return err
	}
	if format == "json" {
		enc := json.NewEncoder(cmd.OutOrStdout())
		enc.SetIndent("", "  ")
		err = enc.Encode(s)
	} else {
		err = printAssurance(cmd.OutOrStdout(), s)
	}
	for _, c := range s.Changes {
		if err == nil && c.After == assurance.Fail {
			return errWouldFail
		}
	}
	return err
}

// errWouldFail is exit code 1, so that a pipeline can ask.
var errWouldFail = errors.New("the policy would fail what passes now")

func simulateKept(ctx context.Context, conn *connection, text []byte) (all assuranceSimulation, err error) {
	c, err := conn.client()
	if err != nil {
		return all, err
	}
	all.Changes = []assuranceChange{}
	for cursor := ""; ; {
		var page assuranceSimulation
		if _, err := c.Do(ctx, http.MethodPost, "/assurance-policies/simulate", "", map[string]string{"yaml": string(text), "cursor": cursor}, &page); err != nil {
			return all, unreachable(err)
		}
		all.Judged, all.OutOfScope, all.Unread = all.Judged+page.Judged, all.OutOfScope+page.OutOfScope, all.Unread+page.Unread
		all.Changes, all.Unscanned = append(all.Changes, page.Changes...), append(all.Unscanned, page.Unscanned...)
		if cursor = page.NextCursor; cursor == "" {
			return all, nil
		}
	}
}

// simulateFiles judges reports by the draft, and by the policy that it is to
// replace; without one everything passes today.
func simulateFiles(in io.Reader, draft *assurance.Policy, against string, reports []string) (s assuranceSimulation, err error) {
	after, err := assurance.Compile(draft)
	if err != nil {
		return s, err
	}
	var before []*assurance.Compiled
	if against != "" {
		if before, err = compiledPolicies([]string{against}); err != nil {
			return s, &ExitError{ExitUsage, err}
		}
	}
	s.Changes = []assuranceChange{}
	now := time.Now().UTC()
	for _, file := range reports {
		r, _, err := readReport(in, file)
		if err != nil {
			return s, &ExitError{ExitIncomplete, fmt.Errorf("%s: %w", file, err)}
		}
		subject := assurance.Subject{Report: r, Now: now}
		was, then := assurance.Judge(before, subject), assurance.Judge([]*assurance.Compiled{after}, subject)
		if len(was.Policies)+len(then.Policies) == 0 {
			s.OutOfScope++
			continue
		}
		s.Judged++
		if was.Result != then.Result {
			s.Changes = append(s.Changes, assuranceChange{
				Name: r.Artifact.Name, Digest: r.Artifact.Digest, Before: was.Result, After: then.Result, New: beyond(then, was), Gone: beyond(was, then),
			})
		}
	}
	return s, nil
}

// beyond gives the violations of one verdict that the other has not.
func beyond(of, in assurance.Verdict) []assurance.Violation {
	key := func(v assurance.Violation) string { return string(v.Control) + "/" + v.Rule + "/" + string(v.Mode) }
	had, out := map[string]bool{}, []assurance.Violation{}
	for _, p := range in.Policies {
		for _, v := range p.Violations {
			had[key(v)] = true
		}
	}
	for _, p := range of.Policies {
		for _, v := range p.Violations {
			if !had[key(v)] {
				out = append(out, v)
			}
		}
	}
	return out
}

func printAssurance(out io.Writer, s assuranceSimulation) error {
	fails, passes := 0, 0
	for _, c := range s.Changes {
		switch {
		case c.After == assurance.Fail:
			fails++
		case c.Before == assurance.Fail:
			passes++
		}
	}
	fmt.Fprintf(out, "judged: %d artefacts, out of scope: %d\n", s.Judged, s.OutOfScope)
	fmt.Fprintf(out, "would fail: %d, would fail no more: %d\n", fails, passes)
	if s.Unread > 0 {
		fmt.Fprintf(out, "the reports of %d could not be read: nobody can say what would become of them\n", s.Unread)
	}
	if len(s.Changes) > 0 {
		w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "\nARTEFACT\tBEFORE\tAFTER\tRUNNING\tWHY")
		for _, c := range s.Changes {
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\n", printable(cmp.Or(c.Name, c.Digest)), c.Before, c.After, c.Running, whyOf(c))
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	for _, u := range s.Unscanned {
		fmt.Fprintf(out, "not tried: %s runs %d times and was never scanned\n", printable(u.Image), u.Enforcers)
	}
	return nil
}

func whyOf(c assuranceChange) string {
	var words []string
	for _, v := range c.New {
		words = append(words, fmt.Sprintf("%s: %s", strings.TrimSuffix(string(v.Control)+"/"+v.Rule, "/"), v.Message))
	}
	for _, v := range c.Gone {
		words = append(words, fmt.Sprintf("no longer %s", strings.TrimSuffix(string(v.Control)+"/"+v.Rule, "/")))
	}
	return printable(strings.Join(words, "; "))
}
