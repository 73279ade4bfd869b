package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
)

// ImageCommand says which images must not start.
func ImageCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "image", Short: "Say which images must not start"}
	cmd.AddCommand(imageRevoke(), imageRestore(), imageRevoked())
	return gathers(cmd)
}

func imageRevoke() *cobra.Command {
	var conn connection
	body := struct {
		Digest string   `json:"digest"`
		Image  string   `json:"image,omitempty"`
		Groups []string `json:"groups,omitempty"`
		Reason string   `json:"reason"`
	}{}
	cmd := &cobra.Command{
		Use:   "revoke DIGEST --reason WHY",
		Short: "Let an image start no more",
		Long: `Let an image start no more: the digest (sha256:...) is that of the image that was
wrapped, as ` + "`limpet enforcer list`" + ` and events show it. Where the group is in enforce
mode the enforcer refuses the start, or ends a workload whose start it hears of too
late, in audit mode it reports. What runs already runs on, and is reported.`,
		Example: "  limpet image revoke sha256:4f6c... --reason 'CVE-2026-1234' --group shop",
		Args:    oneArg("digest"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := conn.client()
			if err != nil {
				return err
			}
			body.Digest = args[0]
			var got struct{ Enforcers int }
			if _, err := c.Do(cmd.Context(), http.MethodPost, "/revoked-images", "", body, &got); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "image %s revoked; %d enforcers report it now\n", args[0], got.Enforcers)
			return nil
		},
	}
	conn.flags(cmd)
	fl := cmd.Flags()
	fl.StringVar(&body.Reason, "reason", "", "why, for the record")
	fl.StringVar(&body.Image, "name", "", "the image's `NAME`, for people (default: what an enforcer calls it)")
	fl.StringSliceVar(&body.Groups, "group", nil, "only in this `GROUP`; may be given again (default: everywhere)")
	_ = cmd.MarkFlagRequired("reason")
	return cmd
}

func imageRestore() *cobra.Command {
	var conn connection
	cmd := &cobra.Command{
		Use: "restore DIGEST", Short: "Let a revoked image start again", Args: oneArg("digest"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := conn.client()
			if err != nil {
				return err
			}
			if _, err = c.Do(cmd.Context(), http.MethodDelete, "/revoked-images/"+url.PathEscape(args[0]), "", nil, nil); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "image %s restored\n", args[0])
			return nil
		},
	}
	conn.flags(cmd)
	return cmd
}

func imageRevoked() *cobra.Command {
	var conn connection
	cmd := &cobra.Command{
		Use: "revoked", Short: "List revoked images", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return table(cmd, &conn, "/revoked-images", nil, "DIGEST\tIMAGE\tGROUPS\tENFORCERS\tREVOKED\tBY\tREASON", func(raw json.RawMessage) (string, error) {
				var v struct {
					Digest, Image, RevokedAt, RevokedBy, Reason string
					Groups                                      []string
					Enforcers                                   int
				}
				err := json.Unmarshal(raw, &v)
				groups := strings.Join(v.Groups, ",")
				if groups == "" {
					groups = "all"
				}
				return fmt.Sprintf("%s\t%s\t%s\t%d\t%s\t%s\t%s", v.Digest, v.Image, groups, v.Enforcers, seconds(v.RevokedAt), v.RevokedBy, v.Reason), err
			})
		},
	}
	conn.flags(cmd)
	tableFlag(cmd)
	return cmd
}
