package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/limpet-security/limpet/scanner/match/suppress"
)

// ExceptionCommand brings accepted findings out as VEX, and in.
func ExceptionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "exception",
		Short: "Write what was accepted as OpenVEX, and ask for what a VEX document says",
		Long: `Write the control plane's approved exceptions as OpenVEX for others to use, and ask
for the exceptions that somebody else's VEX document speaks of. An exception itself
is a document (kind Exception) for limpet apply, get and diff.`,
		Example: "  limpet exception export -o shop.openvex.json\n  limpet exception import vendor.openvex.json --owner shop --expires 2027-03-31",
	}
	cmd.AddCommand(exceptionExport(), exceptionImport())
	return gathers(cmd)
}

func exceptionExport() *cobra.Command {
	var conn connection
	var output string
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write what approved exceptions say of the inventory, as OpenVEX",
		Long: `Write what approved exceptions say of the artefacts in the inventory, as OpenVEX: a
statement for each package in each image that one accepts. What is not relevant or a
false positive is not_affected; an accepted risk is affected, with the reason as
action. limpet scan --vex and other scanners read it.`,
		Example: "  limpet exception export -o shop.openvex.json\n  limpet scan web.tar --vex shop.openvex.json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := conn.client()
			if err != nil {
				return err
			}
			var doc json.RawMessage
			if _, err := c.Do(cmd.Context(), http.MethodGet, "/exception-statements", "", nil, &doc); err != nil {
				return unreachable(err)
			}
			if output == "" {
				_, err = cmd.OutOrStdout().Write(append(doc, '\n'))
				return err
			}
			if err := os.WriteFile(output, append(doc, '\n'), 0o644); err != nil {
				return fmt.Errorf("cannot write statements: %w", err)
			}
			return nil
		},
	}
	conn.flags(cmd)
	cmd.Flags().StringVarP(&output, "output", "o", "", "write to this `FILE` (default: standard output)")
	return cmd
}

func exceptionImport() *cobra.Command {
	var conn connection
	var owner, expires string
	var dry bool
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Ask for the exceptions that a VEX document speaks of",
		Long: `Ask for an exception for each "not affected" that a VEX document (OpenVEX, CSAF,
CycloneDX) says of an image. Somebody else has to approve each before it holds.
What it says of packages wherever they are is left out, and named: exceptions know no
versions; give such documents to limpet scan --vex.`,
		Example: "  limpet exception import vendor.openvex.json --owner shop --expires 2027-03-31 --dry-run",
		Args:    oneArg("file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if owner == "" || expires == "" {
				return &UsageError{errors.New("say with --owner who answers for the exceptions, and with --expires when they end")}
			}
			data, err := readBounded(args[0], suppress.MaxVEXBytes)
			if err != nil {
				return err
			}
			c, err := conn.client()
			if err != nil {
				return err
			}
			var got struct {
				Requested, Known []string
				Skipped          []struct{ Statement, Why string }
			}
			query := url.Values{"owner": {owner}, "expires": {expires}, "dryRun": {strconv.FormatBool(dry)}}
			if _, err := c.Do(cmd.Context(), http.MethodPost, "/exception-statements?"+query.Encode(), "", json.RawMessage(data), &got); err != nil {
				return unreachable(err)
			}
			out := cmd.OutOrStdout()
			for _, name := range got.Requested {
				fmt.Fprintf(out, "asked for  %s\n", printable(name))
			}
			for _, name := range got.Known {
				fmt.Fprintf(out, "there      %s\n", printable(name))
			}
			for _, s := range got.Skipped {
				fmt.Fprintf(out, "left out   %s: %s\n", printable(s.Statement), printable(s.Why))
			}
			fmt.Fprintf(out, "%d asked for, %d there already, %d left out; each needs somebody's approval\n", len(got.Requested), len(got.Known), len(got.Skipped))
			return nil
		},
	}
	conn.flags(cmd)
	fl := cmd.Flags()
	fl.StringVar(&owner, "owner", "", "`WHO` answers for the exceptions")
	fl.StringVar(&expires, "expires", "", "`DAY` on which they end, such as 2027-03-31")
	fl.BoolVar(&dry, "dry-run", false, "check everything and keep nothing")
	return cmd
}
