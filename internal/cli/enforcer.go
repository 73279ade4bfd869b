package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// EnforcerCommand lists enforcers and refuses them.
func EnforcerCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "enforcer", Short: "List enforcers, and revoke the certificates of those that are not to be heard"}
	cmd.AddCommand(enforcerList(), enforcerRevoke(), enforcerRevoked())
	return cmd
}

func enforcerList() *cobra.Command {
	var conn connection
	var group, state string
	cmd := &cobra.Command{
		Use: "list", Short: "List enforcers", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := url.Values{}
			for k, v := range map[string]string{"group": group, "state": state} {
				if v != "" {
					q.Set(k, v)
				}
			}
			return table(cmd, &conn, "/enforcers", q, "ID\tGROUP\tSTATE\tHOST\tIMAGE\tLAST SEEN", func(raw json.RawMessage) (string, error) {
				var e struct{ ID, Group, State, Hostname, Image, LastSeen string }
				err := json.Unmarshal(raw, &e)
				return fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s", e.ID, e.Group, e.State, e.Hostname, e.Image, e.LastSeen), err
			})
		},
	}
	conn.flags(cmd)
	cmd.Flags().StringVar(&group, "group", "", "of one `GROUP` only")
	cmd.Flags().StringVar(&state, "state", "", "connected or stale")
	return cmd
}

func enforcerRevoke() *cobra.Command {
	var conn connection
	var reason string
	cmd := &cobra.Command{
		Use:   "revoke ID",
		Short: "Refuse an enforcer from now on: its heartbeats, events and questions for policy",
		Long: `Refuse an enforcer from now on: its heartbeats, events and questions for policy.
Its workload runs on under the last policy that it was given. An identifier that is
not listed any more is taken too: its certificate may still be good. There is no way
back; an enforcer that is to be heard again enrols with a new join token.`,
		Args: oneArg("id"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := conn.client()
			if err != nil {
				return err
			}
			_, err = c.Do(cmd.Context(), http.MethodPost, "/revocations", "", map[string]string{"enforcerId": args[0], "reason": reason}, nil)
			if err == nil {
				fmt.Fprintf(cmd.OutOrStdout(), "enforcer %s revoked\n", args[0])
			}
			return err
		},
	}
	conn.flags(cmd)
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the record")
	return cmd
}

func enforcerRevoked() *cobra.Command {
	var conn connection
	cmd := &cobra.Command{
		Use: "revoked", Short: "List revoked enforcers, until their certificates have expired for good", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return table(cmd, &conn, "/revocations", nil, "ID\tGROUP\tHOST\tREVOKED\tBY\tREASON", func(raw json.RawMessage) (string, error) {
				var v struct{ EnforcerID, Group, Hostname, RevokedAt, RevokedBy, Reason string }
				err := json.Unmarshal(raw, &v)
				return fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s", v.EnforcerID, v.Group, v.Hostname, v.RevokedAt, v.RevokedBy, v.Reason), err
			})
		},
	}
	conn.flags(cmd)
	return cmd
}

// table prints a list of the server's as a table.
func table(cmd *cobra.Command, conn *connection, path string, q url.Values, head string, row func(json.RawMessage) (string, error)) error {
	c, err := conn.client()
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, head)
	err = c.Each(cmd.Context(), path, q, func(raw json.RawMessage) error {
		line, err := row(raw)
		if err != nil {
			return fmt.Errorf("cannot read answer: %w", err)
		}
		fmt.Fprintln(w, line)
		return nil
	})
	return errors.Join(err, w.Flush())
}
