package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/policy/platform"
)

func policyPlatforms() *cobra.Command {
	var control, format string
	cmd := &cobra.Command{
		Use:   "platforms [--control CONTROL] [-o table|json|markdown]",
		Short: "Show what each control comes to on each kind of host",
		Long: `Show what each control comes to on each kind of host: enforced, audit only, or
no. With --control, say why. It asks no server. What an enforcer found on its own
host is in its status, and that counts.`,
		Example: `  limpet policy platforms
  limpet policy platforms --control outbound`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			t, out := platform.Known(), cmd.OutOrStdout()
			if control != "" {
				row, ok := t.Row(policy.ControlID(control))
				if !ok {
					hint := "'limpet policy platforms' lists them"
					if near, ok := policy.Near(control, controlNames()); ok {
						hint = fmt.Sprintf("did you mean %q?", near)
					}
					return &UsageError{fmt.Errorf("there is no control %q; %s", control, hint)}
				}
				t.Controls = []platform.Row{row}
			}
			switch format {
			case "table":
				return printPlatforms(out, t, control != "")
			case "markdown":
				_, err := io.WriteString(out, t.Markdown())
				return err
			case "json":
				enc := json.NewEncoder(out)
				enc.SetIndent("", "  ")
				return enc.Encode(t)
			}
			return &UsageError{fmt.Errorf("-o %q is not table, json or markdown", format)}
		},
	}
	cmd.Flags().StringVar(&control, "control", "", "one `CONTROL` only, such as outbound, with the reasons")
	complete(cmd, "control", cobra.FixedCompletions(controlNames(), cobra.ShellCompDirectiveNoFileComp))
	cmd.Flags().StringVarP(&format, "output", "o", "table", "table, json or markdown")
	choices(cmd, "output", "table", "json", "markdown")
	return cmd
}

func controlNames() (out []string) {
	for _, r := range platform.Known().Controls {
		out = append(out, string(r.Control))
	}
	return out
}

func printPlatforms(out io.Writer, t platform.Table, reasons bool) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	if reasons {
		fmt.Fprintln(w, "PLATFORM\tRUNG\tENFORCE\tAUDIT\tWHY")
		for i, p := range t.Platforms {
			c := t.Controls[0].On[i]
			why := c.Why
			if why == "" {
				why = c.WhyAudit
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", p.Title, p.Rung, platform.Word(c.Enforce), platform.Word(c.Audit), why)
		}
		return w.Flush()
	}
	fmt.Fprint(w, "CONTROL")
	for _, p := range t.Platforms {
		fmt.Fprintf(w, "\t%s (%s)", p.ID, p.Rung)
	}
	fmt.Fprintln(w)
	for _, r := range t.Controls {
		fmt.Fprint(w, r.Control)
		for _, c := range r.On {
			fmt.Fprintf(w, "\t%s", c.In())
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}
