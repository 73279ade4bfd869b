package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/limpet-security/limpet/controlplane/client"
	"github.com/limpet-security/limpet/internal/policy"
)

// PolicyCommand gathers what is done with policies beyond keeping them.
func PolicyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Learn a policy from what workloads do, try one before it is enforced, see what each platform can do, test assurance policies",
		Example: `  limpet policy learn --group shop -o shop.yaml
  limpet policy simulate --group shop -f shop.yaml`,
	}
	cmd.AddCommand(policyLearn(), policySimulate(), policyPlatforms(), policyTest())
	return gathers(cmd)
}

// learned is the part of the answers that the commands print.
type learned struct {
	Name      string   `json:"name"`
	YAML      string   `json:"yaml"`
	Uncovered []string `json:"uncovered"`
	Check     []string `json:"check"`
	Readiness map[string]struct {
		Score   int `json:"score"`
		Reasons []struct {
			Text string `json:"text"`
		} `json:"reasons"`
	} `json:"readiness"`
}

// question is what learn and simulate ask a control plane: of which group, of
// which of its workloads, and of which time.
type question struct {
	conn            connection
	group, workload string
	from, until     string
}

func (q *question) flags(cmd *cobra.Command, group string) {
	q.conn.flags(cmd)
	fl := cmd.Flags()
	fl.StringVar(&q.group, "group", "", group)
	q.conn.group(cmd, "group")
	fl.StringVar(&q.workload, "workload", "", "one workload only, by its image `DIGEST`")
	fl.StringVar(&q.from, "from", "", "leave out what was last seen before this `TIME` (RFC 3339, or a duration such as 48h)")
	fl.StringVar(&q.until, "until", "", "leave out what was first seen after this `TIME`")
}

// body is the part of a request that both have.
func (q *question) body() (map[string]any, error) {
	if q.group == "" {
		return nil, &UsageError{errors.New("name a group with --group")}
	}
	body := map[string]any{}
	if q.workload != "" {
		body["workload"] = q.workload
	}
	for key, s := range map[string]string{"from": q.from, "until": q.until} {
		if s == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339, s)
		if d, err2 := time.ParseDuration(s); err2 == nil && d > 0 {
			at, err = time.Now().Add(-d), nil
		}
		if err != nil {
			return nil, &UsageError{fmt.Errorf("--%s %q is neither a time (2026-11-22T10:00:00Z) nor a duration (48h)", key, s)}
		}
		body[key] = at.UTC().Format(time.RFC3339Nano)
	}
	return body, nil
}

// ask sends it and reads the answer.
func (q *question) ask(ctx context.Context, what string, body, answer any) error {
	c, err := q.conn.client()
	if err != nil {
		return err
	}
	_, err = c.Do(ctx, http.MethodPost, "/groups/"+url.PathEscape(q.group)+"/"+what, "", body, answer)
	return err
}

func policyLearn() *cobra.Command {
	var q question
	var out, name string
	cmd := &cobra.Command{
		Use:   "learn --group GROUP [-o FILE]",
		Short: "Propose a least-privilege policy from what a group's workloads did",
		Long: `Propose a policy that allows what the workloads of a learning group were seen
to do, and nothing else. Switch learning on for the group first (the console, or
learning: true in its document), and run its workloads. The proposal is a draft:
comments say what each line rests on, what should be checked, and what is not
covered. Nothing is changed on the server.`,
		Example: `  limpet policy learn --group shop -o shop.yaml
  limpet policy simulate -f shop.yaml --group shop
  limpet apply -f shop.yaml`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			body, err := q.body()
			if err != nil {
				return err
			}
			if name != "" {
				body["policyName"] = name
			}
			var l learned
			if err := q.ask(cmd.Context(), "learn", body, &l); err != nil {
				return err
			}
			note := cmd.ErrOrStderr()
			for w, r := range l.Readiness {
				fmt.Fprintf(note, "readiness of %s: %d of 100\n", w, r.Score)
				for _, reason := range r.Reasons {
					fmt.Fprintf(note, "  %s\n", reason.Text)
				}
			}
			for _, s := range l.Check {
				fmt.Fprintf(note, "check: %s\n", s)
			}
			for _, s := range l.Uncovered {
				fmt.Fprintf(note, "not covered: %s\n", s)
			}
			if out == "" || out == "-" {
				_, err = io.WriteString(cmd.OutOrStdout(), l.YAML)
				return err
			}
			if err := os.WriteFile(out, []byte(l.YAML), 0o644); err != nil {
				return fmt.Errorf("cannot write proposal: %w", err)
			}
			fmt.Fprintf(note, "policy %s written to %s\n", l.Name, out)
			return nil
		},
	}
	q.flags(cmd, "`GROUP` that has learned")
	cmd.Flags().StringVarP(&out, "output", "o", "", "`FILE` to write (default: standard output)")
	cmd.Flags().StringVar(&name, "name", "", "`NAME` of the policy (default: GROUP-learned)")
	return cmd
}

// simulated is the answer of a simulation.
type simulated struct {
	Items       int   `json:"items"`
	Occurrences int64 `json:"occurrences"`
	Events      int64 `json:"events"`
	Blocked     int64 `json:"blocked"`
	Reported    int64 `json:"reported"`
	Truncated   bool  `json:"truncated"`
	Hits        []struct {
		Verdict    string    `json:"verdict"`
		Control    string    `json:"control"`
		Rule       string    `json:"rule"`
		Executable string    `json:"executable"`
		Object     string    `json:"object"`
		Seen       int64     `json:"seen"`
		Events     int64     `json:"events"`
		FirstSeen  time.Time `json:"firstSeen"`
		LastSeen   time.Time `json:"lastSeen"`
		Examples   []string  `json:"examples"`
	} `json:"hits"`
	NotTried []struct {
		What  string `json:"what"`
		Count int64  `json:"count"`
		Why   string `json:"why"`
	} `json:"notTried"`
}

// ErrWouldBlock is simulate's answer that something would be denied: exit
// code 1, so that a pipeline can ask.
var ErrWouldBlock = errors.New("the policy would have blocked something")

func policySimulate() *cobra.Command {
	var q question
	var file, against, format string
	cmd := &cobra.Command{
		Use:   "simulate --group GROUP [-f FILE] | simulate -f ASSURANCE-POLICY [REPORT...]",
		Short: "Show what a policy would have blocked, or failed, before it is in force",
		Long: `Try a policy on everything that a group's workloads were seen to do: their
profiles and the recorded events. Without -f the group's own policies are tried,
as if the group enforced them.

An assurance policy is tried on every report that the control plane keeps, in the
place of the policy of its name; or on the REPORTs, files that 'limpet scan --format
json' wrote, without any control plane, beside the policy of --against.

The exit code is 1 if something would have been denied, or would fail that passes now.`,
		Example: `  limpet policy simulate -f shop.yaml --group shop --from 168h
  limpet policy simulate -f assurance.yaml
  limpet policy simulate -f assurance.yaml --against today.yaml web.json api.json`,
		RunE: func(cmd *cobra.Command, reports []string) error {
			text, err := textOf(cmd.InOrStdin(), file)
			if err != nil {
				return fmt.Errorf("cannot read policy: %w", err)
			}
			if format != "table" && format != "json" {
				return &UsageError{fmt.Errorf("--format %q is not table or json", format)}
			}
			draft, err := draftOf(text)
			if err != nil {
				return &ExitError{ExitUsage, fmt.Errorf("%s:\n%w", file, err)}
			}
			if draft != nil {
				return simulateAssurance(cmd, &q.conn, draft, text, against, reports, format)
			}
			if len(reports) > 0 || against != "" {
				return &UsageError{errors.New("REPORT and --against are for assurance policies")}
			}
			body, err := q.body()
			if err != nil {
				return err
			}
			if file != "" {
				if body["yaml"], err = runtimePolicy(file, string(text)); err != nil {
					return err
				}
			}
			var s simulated
			if err := q.ask(cmd.Context(), "simulate", body, &s); err != nil {
				return err
			}
			if format == "json" {
				if err := printJSON(cmd, s); err != nil {
					return err
				}
			} else {
				printSimulation(cmd.OutOrStdout(), s)
			}
			if s.Blocked > 0 {
				return ErrWouldBlock
			}
			return nil
		},
	}
	q.flags(cmd, "`GROUP` whose past is tried")
	fl := cmd.Flags()
	fl.StringVarP(&file, "file", "f", "", "`FILE` with the policy, or - for standard input (default: the group's policies)")
	fl.StringVar(&against, "against", "", "of an assurance policy, with reports: `FILE` of the one that it is to replace (default: none, everything passes)")
	fl.StringVar(&format, "format", "table", "table or json")
	choices(cmd, "format", "table", "json")
	return cmd
}

// runtimePolicy is the one runtime policy of a file, in which other things may
// stand.
func runtimePolicy(file, text string) (string, error) {
	if file == "-" {
		file = "standard input"
	}
	docs, err := client.Parse(file, text)
	if err != nil {
		return "", err
	}
	var found []client.Document
	for _, d := range docs {
		if d.Kind == policy.KindRuntime {
			found = append(found, d)
		}
	}
	if len(found) != 1 {
		return "", fmt.Errorf("%s has %d runtime policies; one is tried at a time", file, len(found))
	}
	return found[0].Text, nil
}

// textOf reads a policy; "" is none.
func textOf(in io.Reader, file string) ([]byte, error) {
	switch file {
	case "":
		return nil, nil
	case "-":
		return io.ReadAll(io.LimitReader(in, 1<<20))
	}
	return readBounded(file, 1<<20)
}

func printSimulation(out io.Writer, s simulated) {
	fmt.Fprintf(out, "tried: %d different things (%d occurrences) and %d events\n", s.Items, s.Occurrences, s.Events)
	fmt.Fprintf(out, "would have been blocked: %d, reported: %d\n", s.Blocked, s.Reported)
	if len(s.Hits) > 0 {
		w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "\nVERDICT\tCONTROL\tRULE\tEXECUTABLE\tOBJECT\tSEEN\tEVENTS\tFIRST\tLAST\tEXAMPLE")
		for _, h := range s.Hits {
			example := ""
			if len(h.Examples) > 0 {
				example = h.Examples[0]
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%d\t%s\t%s\t%s\n", h.Verdict, h.Control, h.Rule, plain(h.Executable), plain(h.Object),
				h.Seen, h.Events, h.FirstSeen.Format(time.RFC3339), h.LastSeen.Format(time.RFC3339), example)
		}
		_ = w.Flush()
	}
	if s.Truncated {
		fmt.Fprintln(out, "\nThere is more than is shown.")
	}
	for _, n := range s.NotTried {
		fmt.Fprintf(out, "not tried: %s (%d): %s\n", n.What, n.Count, n.Why)
	}
}

// plain takes what could move a terminal's cursor out of a workload's words.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
}
