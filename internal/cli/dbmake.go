package cli

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/limpet-security/limpet/scanner/cybercenter"
	"github.com/limpet-security/limpet/scanner/cybercenter/feeds"
	"github.com/limpet-security/limpet/scanner/vulndb"
)

func atMostOne(what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) > 1 {
			return &UsageError{fmt.Errorf("want at most one %s, have %d arguments", what, len(args))}
		}
		return nil
	}
}

func dbFetch() *cobra.Command {
	var o cybercenter.FetchOptions
	var names []string
	cmd := &cobra.Command{
		Use: "fetch MIRROR", Short: "Bring the publishers' feeds into a folder",
		Long: `Bring the publishers' feeds into a folder, each into one of its own: only what
has changed, and from where it broke off. A feed that fails does not keep the
others from being fetched; "limpet db build" then calls it partial. Feeds that
are kept as a checkout of a repository (github, ubuntu-tracker) are yours to put there.`,
		Example: `  limpet db fetch /var/lib/limpet/feeds
  limpet db fetch feeds --feed debian-tracker --feed cisa-kev`,
		Args: oneArg("folder"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Mirror, o.Now = args[0], time.Now()
			var flaws []error
			for _, f := range feeds.Table {
				if len(names) > 0 && !slices.Contains(names, f.Name) || len(names) == 0 && len(f.Remotes) == 0 {
					continue
				}
				o.Feed = f
				if err := cybercenter.Fetch(cmd.Context(), o); err != nil {
					flaws = append(flaws, err)
					fmt.Fprintln(cmd.ErrOrStderr(), "limpet: warning:", err)
					continue
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s\n", f.Name)
			}
			for _, n := range names {
				if _, ok := feeds.ByName(n); !ok {
					flaws = append(flaws, &UsageError{fmt.Errorf("feed %q is not known", n)})
				}
			}
			return errors.Join(flaws...)
		},
	}
	fl := cmd.Flags()
	fl.StringArrayVar(&names, "feed", nil, "feed to fetch (repeatable; default: all)")
	choices(cmd, "feed", feedNames()...)
	fl.StringVar(&o.Base, "base", "", "`URL` that stands for scheme and host of every publisher: a mirror of theirs")
	fl.DurationVar(&o.Pause, "pause", 6*time.Second, "time between two requests of a feed that comes in pages")
	return cmd
}

func dbBuild() *cobra.Command {
	var o cybercenter.BuildOptions
	var key, built string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "build MIRROR", Short: "Compile a folder of feeds into a database",
		Long: `Compile a folder of feeds into a database, and sign it. The same feeds and the
same --built give the same bytes. A record that cannot be read is counted and
named, and makes its feed partial; a feed that has lost a fifth of its records
since the database that is there is refused, unless --force.`,
		Example: `  limpet db key db.key
  limpet db build feeds -o vuln.db --sign-key db.key`,
		Args: oneArg("folder"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Mirror, o.Built = args[0], time.Now()
			if built != "" {
				t, err := time.Parse(time.RFC3339, built)
				if err != nil {
					return &UsageError{fmt.Errorf("--built: %w", err)}
				}
				o.Built = t
			}
			if o.Previous == "" {
				o.Previous = o.Out
			}
			var private ed25519.PrivateKey
			if key != "" {
				k, err := cybercenter.ReadPrivateKey(key)
				if err != nil {
					return err
				}
				private = k
			}
			o.Progress = func(f vulndb.Feed) {
				for _, x := range f.Faults {
					fmt.Fprintf(cmd.ErrOrStderr(), "limpet: warning: %s: %s\n", f.Name, x)
				}
				if !asJSON {
					fmt.Fprintf(cmd.OutOrStdout(), "%-22s %9d records, %d bad\n", f.Name, f.Records, f.Bad)
				}
			}
			m, err := cybercenter.Build(cmd.Context(), o)
			if err != nil {
				return err
			}
			if private != nil {
				if _, err := cybercenter.Sign(o.Out, private); err != nil {
					return err
				}
			}
			if asJSON {
				return printJSON(cmd, m)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "built %s: %s\n", o.Out, m.Digest)
			return nil
		},
	}
	fl := cmd.Flags()
	fl.StringVarP(&o.Out, "output", "o", "vuln.db", "the database to write")
	fl.StringArrayVar(&o.Feeds, "feed", nil, "feed to compile (repeatable; default: all that are there)")
	choices(cmd, "feed", feedNames()...)
	fl.StringVar(&key, "sign-key", "", "private key in PEM to sign it with")
	fl.StringVar(&built, "built", "", "time it says it was built, RFC 3339 (default: now)")
	fl.StringVar(&o.Previous, "previous", "", "database to compare with (default: the one it replaces)")
	fl.BoolVar(&o.Force, "force", false, "compile also where a feed has shrunk")
	fl.BoolVar(&o.Sample, "sample", false, "mark it as a sample")
	fl.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// packed makes a release of a database in a folder that the caller removes.
func packed(ctx context.Context, path string, previous []string, keys databaseKeys) (string, error) {
	trusted, err := keys.read()
	if err != nil {
		return "", err
	}
	if len(trusted) == 0 {
		return "", &UsageError{errors.New("--key is missing: only what is signed is given out")}
	}
	folder, err := os.MkdirTemp("", "limpet-db-*")
	if err != nil {
		return "", fmt.Errorf("cannot pack: %w", err)
	}
	if err := cybercenter.Pack(ctx, path, previous, trusted, folder); err != nil {
		os.RemoveAll(folder)
		return "", err
	}
	return folder, nil
}

func dbPublish() *cobra.Command {
	var previous, tags []string
	var keys databaseKeys
	var insecure bool
	cmd := &cobra.Command{
		Use: "publish DATABASE REPOSITORY", Short: "Push the database to a registry",
		Long: `Push the signed database to a registry as an OCI artefact: the signature, the
database compressed, and what changed since each of --previous.`,
		Example: `  limpet db publish vuln.db registry.example.com/limpet/db --key db.pub --previous yesterday.db`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return &UsageError{errors.New("want a database and a repository")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			folder, err := packed(cmd.Context(), args[0], previous, keys)
			if err != nil {
				return err
			}
			defer os.RemoveAll(folder)
			digest, err := cybercenter.Publish(cmd.Context(), folder, args[1], tags, insecure)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "published %s@%s\n", args[1], digest)
			return nil
		},
	}
	keys.flag(cmd)
	fl := cmd.Flags()
	fl.StringArrayVar(&previous, "previous", nil, "earlier database to make a delta from (repeatable)")
	fl.StringArrayVar(&tags, "tag", []string{cybercenter.DefaultTag()}, "tag to push (repeatable)")
	fl.BoolVar(&insecure, "insecure-registry", false, "speak plain HTTP to the registry; for tests")
	return cmd
}

func dbServe() *cobra.Command {
	var previous []string
	var keys databaseKeys
	var listen, cert, certKey string
	cmd := &cobra.Command{
		Use: "serve DATABASE", Short: "Give the database out over HTTP, for sites without a registry",
		Example: `  limpet db serve vuln.db --key db.pub --listen :8444 --tls-cert server.crt --tls-key server.key`,
		Args:    oneArg("database"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if (cert == "") != (certKey == "") {
				return &UsageError{errors.New("--tls-cert and --tls-key go together")}
			}
			trusted, err := keys.read()
			if err != nil {
				return err
			}
			folder, err := packed(cmd.Context(), args[0], previous, keys)
			if err != nil {
				return err
			}
			defer os.RemoveAll(folder)
			st, err := cybercenter.StatusOf(args[0], trusted, time.Now())
			if err != nil {
				return err
			}
			l, err := net.Listen("tcp", listen)
			if err != nil {
				return fmt.Errorf("cannot serve: %w", err)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "serving %s on %s\n", args[0], l.Addr())
			s := &http.Server{Handler: cybercenter.Handler(folder, st), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
			stop := context.AfterFunc(cmd.Context(), func() { s.Close() })
			defer stop()
			if cert != "" {
				err = s.ServeTLS(l, cert, certKey)
			} else {
				err = s.Serve(l)
			}
			if errors.Is(err, http.ErrServerClosed) {
				return nil
			}
			return fmt.Errorf("cannot serve: %w", err)
		},
	}
	keys.flag(cmd)
	fl := cmd.Flags()
	fl.StringVar(&listen, "listen", "127.0.0.1:8444", "`ADDRESS` to listen on")
	fl.StringVar(&cert, "tls-cert", "", "certificate in PEM")
	fl.StringVar(&certKey, "tls-key", "", "its key in PEM")
	fl.StringArrayVar(&previous, "previous", nil, "earlier database to make a delta from (repeatable)")
	return cmd
}

func dbKey() *cobra.Command {
	return &cobra.Command{
		Use: "key FILE", Short: "Make a key to sign databases with",
		Long:    `Make an Ed25519 key: the private half in FILE, which must not be there yet, and the public half in FILE.pub.`,
		Example: `  limpet db key db.key`,
		Args:    oneArg("file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			private, public, err := cybercenter.NewKey()
			if err != nil {
				return fmt.Errorf("cannot make a key: %w", err)
			}
			f, err := os.OpenFile(args[0], os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
			if err != nil {
				return fmt.Errorf("cannot make a key: %w", err)
			}
			_, err = f.Write(private)
			if err := errors.Join(err, f.Close(), os.WriteFile(args[0]+".pub", public, 0o644)); err != nil {
				return fmt.Errorf("cannot make a key: %w", err)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "made %s and %s.pub\n", args[0], args[0])
			return nil
		},
	}
}
