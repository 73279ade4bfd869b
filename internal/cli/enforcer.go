package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/limpet-security/limpet/controlplane/client"
)

// EnforcerCommand lists enforcers and refuses them.
func EnforcerCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "enforcer", Short: "List enforcers, let new ones join, and revoke those that are not to be heard", Example: "  limpet enforcer list --group shop --state stale\n  limpet enforcer join-token shop"}
	cmd.AddCommand(enforcerList(), enforcerJoinToken(), enforcerRevoke(), enforcerRevoked())
	return gathers(cmd)
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
			return table(cmd, &conn, "/enforcers", q, "ID\tGROUP\tSTATE\tHOST\tIMAGE\tDIGEST\tLAST SEEN", func(raw json.RawMessage) (string, error) {
				var e struct{ ID, Group, State, Hostname, Image, ImageDigest, LastSeen string }
				err := json.Unmarshal(raw, &e)
				return fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s\t%s", e.ID, e.Group, e.State, plain(e.Hostname), plain(e.Image), e.ImageDigest, seconds(e.LastSeen)), err
			})
		},
	}
	conn.flags(cmd)
	tableFlag(cmd)
	cmd.Flags().StringVar(&group, "group", "", "of one `GROUP` only")
	cmd.Flags().StringVar(&state, "state", "", "connected or stale")
	conn.group(cmd, "group")
	choices(cmd, "state", "connected", "stale")
	return cmd
}

func enforcerJoinToken() *cobra.Command {
	var conn connection
	var life string
	var uses int64
	cmd := &cobra.Command{
		Use:   "join-token GROUP",
		Short: "Make a token with which enforcers join a group, and print it; it is shown once",
		Long: `Make a token with which enforcers join a group, and print it; it is shown once.
The container gets it as LIMPET_JOIN_TOKEN; the enforcer takes it out of the
environment before the application starts. A service that scales wants one that
lives long and has no number of uses, kept where the platform keeps secrets.`,
		Example: `  docker run -e LIMPET_JOIN_TOKEN="$(limpet enforcer join-token shop)" IMAGE-limpet
  limpet enforcer join-token shop --expires 90d | aws secretsmanager create-secret --name limpet --secret-string file:///dev/stdin`,
		Args: oneArg("group"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ttl, err := parseAge(life)
			if err != nil || ttl <= 0 {
				return &UsageError{fmt.Errorf("--expires %q: want a time such as 1h or 90d", life)}
			}
			c, err := conn.client()
			if err != nil {
				return err
			}
			var made struct{ Token string }
			body := map[string]any{"ttlSeconds": int64(ttl.Seconds()), "maxUses": uses}
			if _, err := c.Do(cmd.Context(), http.MethodPost, "/groups/"+url.PathEscape(args[0])+"/join-tokens", "", body, &made); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), made.Token)
			return nil
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return conn.names(cmd.Context(), client.KindGroup)
		},
	}
	conn.flags(cmd)
	cmd.Flags().StringVar(&life, "expires", "1h", "how long it is good, such as 1h or 90d")
	cmd.Flags().Int64Var(&uses, "uses", 0, "how many enforcers may join with it (default: any number until it expires)")
	return cmd
}

var enforcerID = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

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
			if !enforcerID.MatchString(args[0]) {
				return &UsageError{fmt.Errorf("%.100q is no ID of an enforcer; 'limpet enforcer list' shows them", args[0])}
			}
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
				return fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s", v.EnforcerID, v.Group, plain(v.Hostname), seconds(v.RevokedAt), v.RevokedBy, v.Reason), err
			})
		},
	}
	conn.flags(cmd)
	tableFlag(cmd)
	return cmd
}

// tableFlag lets a list be printed as JSON, too.
func tableFlag(cmd *cobra.Command) {
	cmd.Flags().StringP("output", "o", "table", "table or json")
	choices(cmd, "output", "table", "json")
}

// seconds leaves the parts of seconds out of a time.
func seconds(at string) string {
	if t, err := time.Parse(time.RFC3339Nano, at); err == nil {
		return t.UTC().Format(time.RFC3339)
	}
	return at
}

// table prints a list of the server's as a table, or as JSON where tableFlag
// says so.
func table(cmd *cobra.Command, conn *connection, path string, q url.Values, head string, row func(json.RawMessage) (string, error)) error {
	format := "table"
	if f := cmd.Flag("output"); f != nil {
		format = f.Value.String()
	}
	if format != "table" && format != "json" {
		return &UsageError{fmt.Errorf("-o %.50q is not table or json", format)}
	}
	c, err := conn.client()
	if err != nil {
		return err
	}
	if format == "json" {
		all := []json.RawMessage{}
		err := c.Each(cmd.Context(), path, q, func(raw json.RawMessage) error {
			all = append(all, raw)
			return nil
		})
		if err != nil {
			return err
		}
		return printJSON(cmd, all)
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
