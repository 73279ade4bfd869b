package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/limpet-security/limpet/controlplane/client"
)

// ErrDiffers is diff's answer that something would change: exit code 1, as
// diff(1) has it.
var ErrDiffers = errors.New("files and server differ")

// DiffCommand shows what apply would change.
func DiffCommand() *cobra.Command {
	var conn connection
	var files []string
	cmd := &cobra.Command{
		Use:     "diff -f FILE|FOLDER|-",
		Short:   "Show what apply would change",
		Long:    `Show what apply would change. The exit code is 0 if nothing would, 1 if something would.`,
		Example: `  limpet diff -f policies/`,
		Args:    onlyFiles,
		RunE: func(cmd *cobra.Command, _ []string) error {
			docs, c, err := documents(cmd, &conn, files)
			if err != nil {
				return err
			}
			differs := false
			var failed []error
			c.Apply(cmd.Context(), docs, true, func(r client.Result, err error) {
				if err != nil {
					failed = append(failed, err)
				} else if r.Outcome != client.Unchanged {
					differs = true
					fmt.Fprint(cmd.OutOrStdout(), r.Diff)
				}
			})
			if differs {
				failed = append(failed, ErrDiffers)
			}
			return errors.Join(failed...)
		},
	}
	conn.flags(cmd)
	cmd.Flags().StringArrayVarP(&files, "file", "f", nil, "`FILE`, folder, or - for standard input (repeatable)")
	return cmd
}
