package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/limpet-security/limpet/controlplane"
)

// tokenRow is an API token as the API shows it.
type tokenRow struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	Prefix    string   `json:"prefix"`
	Roles     []string `json:"roles"`
	ExpiresAt string   `json:"expiresAt"`
	Token     string   `json:"token"`
}

// TokenCommand makes, lists and ends API tokens.
func TokenCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "token", Short: "Make, list and end API tokens"}
	cmd.AddCommand(tokenCreate(), tokenList(), tokenDelete())
	return gathers(cmd)
}

func tokenCreate() *cobra.Command {
	var conn connection
	var roles []string
	var life, data, database string
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Make an API token and print it; it is shown once",
		Long: `Make an API token and print it; it is shown once.

With --data the token is made in the database itself, without asking the
server: for whoever owns the machine and has no token yet.`,
		Example: `  limpet token create ci --role security --expires 90d
  limpet token create first --role administrator --data ./limpet-data`,
		Args: oneArg("name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ttl, err := parseAge(life)
			if err != nil {
				return &UsageError{fmt.Errorf("--expires: %w", err)}
			}
			if data != "" {
				secret, err := controlplane.CreateToken(cmd.Context(), controlplane.TokenRequest{
					Data: data, Database: database, Name: args[0], Roles: roles, Life: ttl,
				})
				if err != nil {
					return err
				}
				fmt.Fprintln(cmd.OutOrStdout(), secret)
				return nil
			}
			c, err := conn.client()
			if err != nil {
				return err
			}
			body := map[string]any{"name": args[0], "roles": roles}
			if ttl > 0 {
				body["ttlSeconds"] = int64(ttl.Seconds())
			}
			var made tokenRow
			if _, err := c.Do(cmd.Context(), http.MethodPost, "/tokens", "", body, &made); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), made.Token)
			return nil
		},
	}
	conn.flags(cmd)
	cmd.Flags().StringArrayVar(&roles, "role", []string{"auditor"}, "administrator, security, developer, auditor or worker (repeatable)")
	choices(cmd, "role", "administrator", "security", "developer", "auditor", "worker")
	cmd.Flags().StringVar(&life, "expires", "90d", `how long it is good, such as 90d or 12h; "none": until it is ended`)
	cmd.Flags().StringVar(&data, "data", "", "data `FOLDER` of a server on this machine: write to its database")
	cmd.Flags().StringVar(&database, "database", "", "with --data: the server's --database")
	return cmd
}

func tokenList() *cobra.Command {
	var conn connection
	cmd := &cobra.Command{
		Use: "list", Short: "List API tokens", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return table(cmd, &conn, "/tokens", nil, "ID\tNAME\tBEGINS\tROLES\tEXPIRES", func(raw json.RawMessage) (string, error) {
				var t tokenRow
				err := json.Unmarshal(raw, &t)
				if t.ExpiresAt == "" {
					t.ExpiresAt = "never"
				}
				return fmt.Sprintf("%s\t%s\t%s\t%s\t%s", t.ID, t.Name, t.Prefix, strings.Join(t.Roles, ","), seconds(t.ExpiresAt)), err
			})
		},
	}
	conn.flags(cmd)
	tableFlag(cmd)
	return cmd
}

func tokenDelete() *cobra.Command {
	var conn connection
	cmd := &cobra.Command{
		Use: "delete ID", Short: "End an API token", Args: oneArg("id"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := conn.client()
			if err != nil {
				return err
			}
			_, err = c.Do(cmd.Context(), http.MethodDelete, "/tokens/"+url.PathEscape(args[0]), "", nil, nil)
			return err
		},
	}
	conn.flags(cmd)
	return cmd
}

func oneArg(what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return &UsageError{fmt.Errorf("want one %s, have %d arguments", what, len(args))}
		}
		return nil
	}
}
