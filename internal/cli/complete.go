package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/limpet-security/limpet/controlplane/client"
)

// choices lets the shell complete the values of a flag.
func choices(cmd *cobra.Command, flag string, values ...string) {
	complete(cmd, flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

func complete(cmd *cobra.Command, flag string, f cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, f); err != nil {
		panic(err) // the flag is one of the program's own
	}
}

// completionLimit bounds how long a shell waits for names.
const completionLimit = 2 * time.Second

// names completes the names of a kind that the server has; none if it cannot
// be asked.
func (c *connection) names(ctx context.Context, kind string) ([]string, cobra.ShellCompDirective) {
	s, err := c.client()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(ctx, completionLimit)
	defer cancel()
	docs, _ := s.Get(ctx, kind, "", true)
	var all []string
	for _, d := range docs {
		all = append(all, d.Name)
	}
	return all, cobra.ShellCompDirectiveNoFileComp
}

// group completes a flag that names a group.
func (c *connection) group(cmd *cobra.Command, flag string) {
	kind, err := client.Kind("group")
	if err != nil {
		panic(err) // it is one of the client's own
	}
	complete(cmd, flag, func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		return c.names(cmd.Context(), kind)
	})
}
