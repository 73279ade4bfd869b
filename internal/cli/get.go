package cli

import (
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/limpet-security/limpet/controlplane/client"
)

// GetCommand writes objects as documents that apply takes.
func GetCommand() *cobra.Command {
	var conn connection
	var output string
	cmd := &cobra.Command{
		Use:   "get KIND [NAME]",
		Short: "Write policies, groups, lists, registries, assurance policies or exceptions as documents that apply takes",
		Long: `Write policies (KIND policy or policies), enforcer groups (group or groups),
reputation lists (list or lists), assurance policies (assurance), registries
(registry or registries, without their credentials) or exceptions
(exception or exceptions): one as the document that apply takes, or the
names of all.`,
		Example: `  limpet get policies
  limpet get policy default -o yaml > default.yaml
  limpet get groups -o yaml
  limpet get list bad-hosts`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return &UsageError{errors.New("want a kind (policy, assurance, exception, registry, group or list) and perhaps a name")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			kind, err := client.Kind(strings.ToLower(args[0]))
			if err != nil {
				return &UsageError{err}
			}
			name := ""
			if len(args) == 2 {
				name = args[1]
			}
			if output == "" {
				output = "name"
				if name != "" {
					output = "yaml"
				}
			}
			if output != "yaml" && output != "name" && output != "json" {
				return &UsageError{fmt.Errorf("output %q is not known; want yaml, json or name", output)}
			}
			c, err := conn.client()
			if err != nil {
				return err
			}
			docs, err := c.Get(cmd.Context(), kind, name, output == "name")
			if err != nil {
				return err
			}
			if len(docs) == 0 && output != "json" {
				fmt.Fprintf(cmd.ErrOrStderr(), "the server has no %s\n", kind)
			}
			return writeDocuments(cmd, docs, output)
		},
	}
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		switch kind, err := client.Kind(strings.ToLower(strings.Join(args, " "))); {
		case len(args) == 0:
			return []string{"policies", "groups", "lists", "assurance", "exceptions", "policy", "group", "list", "exception"}, cobra.ShellCompDirectiveNoFileComp
		case err == nil:
			return conn.names(cmd.Context(), kind)
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	conn.flags(cmd)
	cmd.Flags().StringVarP(&output, "output", "o", "", "yaml, json or name (default: yaml for one object, name for all)")
	choices(cmd, "output", "yaml", "json", "name")
	return cmd
}

func writeDocuments(cmd *cobra.Command, docs []client.Document, output string) error {
	if output == "name" {
		w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
		for _, d := range docs {
			fmt.Fprintf(w, "%s\t%s\n", d.Kind, d.Name)
		}
		return w.Flush()
	}
	if output == "json" {
		all := []any{}
		for _, d := range docs {
			var v any
			if err := yaml.Unmarshal([]byte(d.Text), &v); err != nil {
				return fmt.Errorf("cannot read %s %s: %w", d.Kind, d.Name, err)
			}
			all = append(all, v)
		}
		return printJSON(cmd, all)
	}
	for i, d := range docs {
		if i > 0 {
			fmt.Fprintln(cmd.OutOrStdout(), "---")
		}
		fmt.Fprintln(cmd.OutOrStdout(), strings.TrimRight(d.Text, "\n"))
	}
	return nil
}
