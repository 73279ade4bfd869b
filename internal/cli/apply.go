package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/limpet-security/limpet/controlplane/client"
)

// ApplyCommand makes a control plane what documents say.
func ApplyCommand() *cobra.Command {
	var conn connection
	var files []string
	var dry bool
	cmd := &cobra.Command{
		Use:   "apply -f FILE|FOLDER|-",
		Short: "Make policies, enforcer groups and reputation lists what files say",
		Long: `Make policies (kind RuntimePolicy), enforcer groups (kind EnforcerGroup),
reputation lists (kind ReputationList), assurance policies (kind AssurancePolicy)
and exceptions (kind Exception) what files say. An exception that was applied is
a request: it holds when somebody else approves it. What stands already as
written is left alone: applying twice changes nothing. Objects that no file names
are left alone as well.`,
		Example: `  limpet apply -f policies/
  limpet apply -f group.yaml --dry-run`,
		Args: onlyFiles,
		RunE: func(cmd *cobra.Command, _ []string) error {
			docs, c, err := documents(cmd, &conn, files)
			if err != nil {
				return err
			}
			var failed []error
			c.Apply(cmd.Context(), docs, dry, func(r client.Result, err error) {
				if err != nil {
					failed = append(failed, err)
					return
				}
				note := ""
				if dry {
					note = " (dry run)"
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s %s %s%s\n", r.Document.Kind, r.Document.Name, r.Outcome, note)
			})
			return errors.Join(failed...)
		},
	}
	conn.flags(cmd)
	cmd.Flags().StringArrayVarP(&files, "file", "f", nil, "`FILE`, folder, or - for standard input (repeatable)")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "let the server check everything and keep nothing")
	return cmd
}

// onlyFiles refuses files that are named without -f.
func onlyFiles(cmd *cobra.Command, args []string) error {
	if err := noArgs(cmd, args); err != nil {
		return &UsageError{fmt.Errorf("%w; name files and folders with -f", err)}
	}
	return nil
}

func documents(cmd *cobra.Command, conn *connection, files []string) ([]client.Document, *client.Client, error) {
	if len(files) == 0 {
		return nil, nil, &UsageError{errors.New("name a file or folder with -f")}
	}
	docs, err := client.Read(cmd.InOrStdin(), files...)
	if err != nil {
		return nil, nil, err
	}
	c, err := conn.client()
	return docs, c, err
}
