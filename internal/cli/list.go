package cli

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/limpet-security/limpet/controlplane/client"
	"github.com/limpet-security/limpet/internal/reputation"
)

// ListCommand brings reputation lists to the control plane.
func ListCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "Bring reputation lists to the control plane, and remove them"}
	cmd.AddCommand(listImport(), listDelete())
	return gathers(cmd)
}

func listImport() *cobra.Command {
	var conn connection
	var b client.ListBody
	var dry bool
	cmd := &cobra.Command{
		Use:   "import NAME FILE|-",
		Short: "Make a reputation list what a file says",
		Long: `Make a reputation list what a file says: an address, network, range or host name
on each line, with comments behind # or ;, or CSV. A host name stands for
everything below it as well. Policies name the list under ipReputation.lists or
cryptoMiners.lists; enforcers of their groups have it within seconds.

Nothing is kept if a line cannot be read; the lines are named.`,
		Example: `  limpet list import bad-hosts drop.txt
  limpet list import pools pools.csv --column domain
  curl -s https://feeds.example/ips | limpet list import feed - --dry-run`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return &UsageError{errors.New("want the name of a list and a file")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			content, err := readList(cmd.InOrStdin(), args[1])
			if err != nil {
				return err
			}
			b.Name, b.Content = args[0], reputation.Normal(content)
			if b.Format == "" && (b.Column != "" || strings.EqualFold(filepath.Ext(args[1]), ".csv") || reputation.IsCSV([]byte(content))) {
				b.Format = reputation.CSV
			}
			if _, _, err := reputation.Parse(b.Name, b.Source); err != nil {
				return fmt.Errorf("cannot import %s:\n%w", args[1], err)
			}
			c, err := conn.client()
			if err != nil {
				return err
			}
			var got struct {
				Entries, Ranges, Names int
				Warnings, Policies     []string
			}
			outcome, err := c.Import(cmd.Context(), b, dry, &got)
			if err != nil {
				return err
			}
			for _, w := range got.Warnings {
				fmt.Fprintln(cmd.ErrOrStderr(), "limpet:", w)
			}
			note := ""
			if dry {
				note = " (dry run)"
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s %s %s%s: %d entries, %d ranges of addresses, %d names\n", client.KindList, b.Name, outcome, note, got.Entries, got.Ranges, got.Names)
			if len(got.Policies) == 0 {
				fmt.Fprintln(cmd.OutOrStdout(), "No policy names it yet.")
			}
			return nil
		},
	}
	conn.flags(cmd)
	fl := cmd.Flags()
	fl.StringVar(&b.Format, "format", "", "text or csv (default: by the file)")
	fl.StringVar(&b.Column, "column", "", "csv: the column's number, from 1, or its `NAME` in the first line")
	fl.StringVar(&b.Description, "description", "", "what the list is (default: as it is)")
	fl.BoolVar(&dry, "dry-run", false, "let the server check everything and keep nothing")
	return cmd
}

func readList(in io.Reader, name string) (string, error) {
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return "", fmt.Errorf("cannot read list: %w", err)
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, reputation.MaxContent+1))
	if err != nil {
		return "", fmt.Errorf("cannot read list: %w", err)
	}
	return string(b), nil // one that is too long is refused with its own words
}

func listDelete() *cobra.Command {
	var conn connection
	cmd := &cobra.Command{
		Use: "delete NAME", Short: "Remove a reputation list that no policy names", Args: oneArg("name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := conn.client()
			if err != nil {
				return err
			}
			_, err = c.Do(cmd.Context(), http.MethodDelete, "/reputation-lists/"+url.PathEscape(args[0]), "", nil, nil)
			return err
		},
	}
	conn.flags(cmd)
	return cmd
}
