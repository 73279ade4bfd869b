package cli

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/limpet-security/limpet/scanner/cybercenter"
	"github.com/limpet-security/limpet/scanner/cybercenter/feeds"
	"github.com/limpet-security/limpet/scanner/cybercenter/sample"
	"github.com/limpet-security/limpet/scanner/vulndb"
)

// DBCommand makes, gives out and fetches the vulnerability database.
func DBCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "db", Short: "The vulnerability database: pull it, look at it, build and give it out",
		Long: `The vulnerability database is one signed file. Those who scan pull it; those who
make their own fetch the publishers' feeds, build, and publish or serve it.`,
		Example: `  limpet db pull --mirror registry.example.com/limpet/db --key db.pub
  limpet db status --max-db-age 48h`,
	}
	cmd.AddCommand(dbPull(), dbStatus(), dbFetch(), dbBuild(), dbPublish(), dbServe(), dbKey())
	return gathers(cmd)
}

// databaseKeys are the keys whose signatures are trusted.
type databaseKeys []string

func (k *databaseKeys) flag(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar((*[]string)(k), "key", nil, "public key in PEM that the database must be signed with (repeatable; or LIMPET_DB_KEY)")
}

func (k databaseKeys) read() ([]ed25519.PublicKey, error) {
	if len(k) == 0 {
		if p := os.Getenv("LIMPET_DB_KEY"); p != "" {
			k = strings.Split(p, string(os.PathListSeparator))
		}
	}
	var keys []ed25519.PublicKey
	for _, path := range k {
		key, err := cybercenter.ReadPublicKey(path)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// openDatabase opens the database at path; "sample" is the one that comes with limpet.
func openDatabase(path string) (*vulndb.DB, error) {
	if path == "sample" {
		return sample.Open()
	}
	return vulndb.Open(path)
}

func printJSON(cmd *cobra.Command, v any) error {
	enc := json.NewEncoder(cmd.OutOrStdout())
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

func dbStatus() *cobra.Command {
	var onAge string
	var keys databaseKeys
	var limit time.Duration
	var asJSON bool
	cmd := &cobra.Command{
		Use: "status [DATABASE]", Short: "Say how old the database is and what is in it",
		Long: `Say how old the database is, feed by feed what is in it, and for which ecosystems
it has data. An ecosystem that is not listed has no data: packages of it cannot
be called clean. "sample" is the small database that comes with limpet.`,
		Example: `  limpet db status
  limpet db status --max-db-age 48h --on-old-db fail
  limpet db status sample --json`,
		Args: atMostOne("database"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if onAge != "warn" && onAge != "fail" {
				return &UsageError{fmt.Errorf("--on-old-db is %q, want warn or fail", onAge)}
			}
			path, err := databasePath()
			if len(args) == 1 {
				path, err = args[0], nil
			}
			if err != nil {
				return err
			}
			trusted, err := keys.read()
			if err != nil {
				return err
			}
			now := time.Now()
			st, err := statusOf(path, trusted, now)
			if err != nil {
				return err
			}
			if asJSON {
				err = printJSON(cmd, st)
			} else {
				printStatus(cmd, path, st)
			}
			if old := cybercenter.CheckAge(st.Meta, limit, now); old != nil {
				if onAge == "fail" {
					return old
				}
				fmt.Fprintln(cmd.ErrOrStderr(), "limpet: warning:", old)
			}
			return err
		},
	}
	keys.flag(cmd)
	fl := cmd.Flags()
	fl.DurationVar(&limit, "max-db-age", 0, "oldest that is good, e.g. 48h (default: any)")
	fl.StringVar(&onAge, "on-old-db", "warn", "what to do with an older one: warn or fail")
	choices(cmd, "on-old-db", "warn", "fail")
	fl.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func statusOf(path string, keys []ed25519.PublicKey, now time.Time) (cybercenter.Status, error) {
	if path != "sample" {
		return cybercenter.StatusOf(path, keys, now)
	}
	db, err := sample.Open()
	if err != nil {
		return cybercenter.Status{}, err
	}
	defer db.Close()
	return cybercenter.Status{Meta: db.Meta(), Age: now.Sub(db.Meta().Built).Truncate(time.Minute).String(), Signed: "part of limpet"}, nil
}

func printStatus(cmd *cobra.Command, path string, st cybercenter.Status) {
	out := cmd.OutOrStdout()
	fmt.Fprintf(out, "database   %s\n", path)
	if st.Sample {
		fmt.Fprintln(out, "           a SAMPLE for demonstrations and tests: what it does not find may still be there")
	}
	fmt.Fprintf(out, "built      %s (%s ago)\nschema     %d\ndigest     %s\nsignature  %s\ndetails    %d vulnerabilities\n\n",
		st.Built.Format(time.RFC3339), st.Age, st.Schema, st.Digest, st.Signed, st.Details)
	fmt.Fprintf(out, "%-22s %9s %6s  %-20s %-20s %s\n", "FEED", "RECORDS", "BAD", "FETCHED", "NEWEST", "LICENCE")
	for _, f := range st.Feeds {
		fetched, note := "-", ""
		if !f.Fetched.IsZero() {
			fetched = f.Fetched.Format("2006-01-02 15:04")
		}
		if f.Partial {
			note = "  (partial)"
		}
		fmt.Fprintf(out, "%-22s %9d %6d  %-20s %-20.20s %s%s\n", f.Name, f.Records, f.Bad, fetched, dash(f.Newest), f.Licence, note)
	}
	fmt.Fprintf(out, "\n%-36s %9s %9s\n", "ECOSYSTEM", "PACKAGES", "ROWS")
	for _, e := range st.Ecosystems {
		fmt.Fprintf(out, "%-36s %9d %9d\n", e.Name, e.Packages, e.Rows)
	}
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func dbPull() *cobra.Command {
	var o cybercenter.PullOptions
	var keys databaseKeys
	var asJSON, quiet bool
	cmd := &cobra.Command{
		Use: "pull", Short: "Bring the database up to date",
		Long: `Bring the database up to date from the first mirror that answers and whose
signature is good. Only changes are fetched where the mirror has them; what broke
off goes on where it was. The old database stays until the new one is verified.

A mirror is a repository (HOST/NAME[:TAG]) that "limpet db publish" filled, or
the address of a "limpet db serve" (https://HOST[:PORT]).`,
		Example: `  limpet db pull --mirror registry.example.com/limpet/db --key db.pub
  limpet db pull --mirror https://db.corp.example:8444 --mirror registry.example.com/limpet/db --key db.pub`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if len(o.Mirrors) == 0 {
				if m := os.Getenv("LIMPET_DB_MIRRORS"); m != "" {
					o.Mirrors = strings.Split(m, ",")
				} else {
					return &UsageError{errors.New("--mirror is missing")}
				}
			}
			if o.Keys, err = keys.read(); err != nil {
				return err
			}
			if len(o.Keys) == 0 {
				return &UsageError{errors.New("--key is missing: a database is used only if a key that you trust has signed it")}
			}
			if o.Path == "" {
				if o.Path, err = databasePath(); err != nil {
					return err
				}
			}
			if err := os.MkdirAll(filepath.Dir(o.Path), 0o755); err != nil {
				return fmt.Errorf("cannot pull: %w", err)
			}
			f := placeFlags{quiet: quiet, json: asJSON}
			bar := f.progress(cmd, "pulling")
			got := int64(0)
			o.Progress = func(n int64) {
				got += n
				bar.report(max(got, 1), got)
			}
			p, err := cybercenter.Pull(cmd.Context(), o)
			bar.finish()
			if err != nil {
				return err
			}
			for _, w := range p.Warnings {
				fmt.Fprintln(cmd.ErrOrStderr(), "limpet: warning:", w)
			}
			switch {
			case asJSON:
				return printJSON(cmd, p)
			case quiet:
			case !p.Changed:
				fmt.Fprintf(cmd.OutOrStdout(), "up to date: built %s\n", p.Promise.Built.Format(time.RFC3339))
			default:
				how := "whole"
				if p.Delta {
					how = "changes only"
				}
				fmt.Fprintf(cmd.OutOrStdout(), "pulled from %s: built %s, %d bytes (%s)\n", p.Mirror, p.Promise.Built.Format(time.RFC3339), p.Bytes, how)
			}
			return nil
		},
	}
	keys.flag(cmd)
	fl := cmd.Flags()
	fl.StringArrayVar(&o.Mirrors, "mirror", nil, "where to pull from (repeatable, asked in order; or LIMPET_DB_MIRRORS with commas)")
	fl.StringVarP(&o.Path, "output", "o", "", "database to bring up to date (default: where scans look for it)")
	fl.BoolVar(&o.Downgrade, "allow-downgrade", false, "take a database that is older than the one held")
	fl.BoolVar(&o.Insecure, "insecure-registry", false, "speak plain HTTP to mirrors; for tests")
	fl.BoolVar(&asJSON, "json", false, "print JSON")
	fl.BoolVarP(&quiet, "quiet", "q", false, "print nothing but errors and warnings")
	return cmd
}

// feedNames completes the names of feeds.
func feedNames() (names []string) {
	for _, f := range feeds.Table {
		names = append(names, f.Name)
	}
	return names
}
