package cli

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/limpet-security/limpet/controlplane"
	"github.com/limpet-security/limpet/controlplane/vulndata"
	"github.com/limpet-security/limpet/internal/version"
)

// serverFlags is what the server command is told, before it is understood.
type serverFlags struct {
	controlplane.Config
	retentionAge  string
	retentionSize string
	exceptionAge  string
	vulnDBKeys    databaseKeys
	logLevel      string
	logJSON       bool
	config        string
}

// ServerCommand runs the control plane.
func ServerCommand() *cobra.Command {
	var f serverFlags
	cmd := &cobra.Command{
		Use:   "server",
		Short: "Run the control plane: API, console and the gateway that enforcers call",
		Long: `Run the control plane: API, console and the gateway that enforcers call.

The first start makes everything it needs in the data folder: the database
(SQLite unless --database says otherwise), a certificate authority of this
install's own and the master key that seals every other key. It prints a
setup code; open the console and create the administrator with it.

Every flag can be given in the environment (--gateway-listen is
LIMPET_GATEWAY_LISTEN) or in the file named by --config (gatewayListen: ...).
A flag wins over the environment, the environment over the file.`,
		Example: `  limpet server --data ./limpet-data
  limpet server --data /var/lib/limpet --name limpet.example.com --database postgres://limpet@db/limpet
  limpet server --data ./limpet-data --vuln-db-from registry.example.com/limpet/db --vuln-db-key db.pub`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := fillFlags(cmd, f.config); err != nil {
				return &UsageError{err}
			}
			c, err := f.understand()
			if err != nil {
				return &UsageError{err}
			}
			c.Out = cmd.OutOrStdout()
			return controlplane.Run(cmd.Context(), c)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.Data, "data", "", "folder of database and master key (required)")
	fl.StringVar(&f.Database, "database", "", "postgres://... or a SQLite file (default DATA/limpet.db)")
	fl.StringVar(&f.MasterKey, "master-key", "", "file of the master key (default DATA/master.key)")
	fl.StringVar(&f.Listen, "listen", ":8443", "address of API and console")
	fl.StringVar(&f.GatewayListen, "gateway-listen", ":8444", `address of the gateway; "none" if gateways run elsewhere`)
	fl.StringVar(&f.ControlListen, "control-listen", "", "address for gateways that run elsewhere (limpet-gateway), e.g. :8445 (default: none)")
	fl.StringArrayVar(&f.RemoteGateways, "remote-gateway", nil, "`NAME=HOST[,HOST...]` of a gateway that runs elsewhere; its files are written to DATA/gateways/NAME (repeatable)")
	fl.StringArrayVar(&f.Names, "name", nil, "host name or IP address of this server, for its certificate; the first is what enforcers are told (repeatable)")
	fl.StringVar(&f.GatewayURL, "gateway-url", "", "what enforcers are told to call (default https://NAME:PORT)")
	fl.StringVar(&f.ServerURL, "server-url", "", "what people are told to open (default https://NAME:PORT)")
	fl.StringVar(&f.TLSCert, "tls-cert", "", "certificate of the console, PEM (default: from the install's own CA)")
	fl.StringVar(&f.TLSKey, "tls-key", "", "key of that certificate, PEM")
	fl.StringVar(&f.retentionAge, "retention-age", "30d", `events are removed when older; "none": never`)
	fl.StringVar(&f.retentionSize, "retention-size", "20GiB", `the oldest events are removed beyond this size; "none": no limit`)
	fl.DurationVar(&f.EnforcerTTL, "enforcer-ttl", 24*time.Hour, "enforcers are forgotten when silent for so long")
	fl.DurationVar(&f.StoppedTTL, "stopped-ttl", 10*time.Minute, "the same for those that said that their workload ended")
	fl.DurationVar(&f.Heartbeat, "heartbeat", 30*time.Second, "time between heartbeats of an enforcer")
	fl.BoolVar(&f.AttachVerdicts, "attach-verdicts", false, "sign the verdict of each queued scan and attach it to the image in its registry (needs credentials that may push)")
	fl.StringVar(&f.VulnDB, "vuln-db", "", "vulnerability database `FILE` that kept reports are matched with, again whenever it changes (default: the one that 'limpet db pull' fetches)")
	fl.StringSliceVar(&f.VulnDBFrom, "vuln-db-from", nil, "`REFERENCE[,MIRROR...]` that the vulnerability database is pulled from at an interval, as 'limpet db pull --mirror' has them; needs --vuln-db-key")
	fl.StringArrayVar((*[]string)(&f.vulnDBKeys), "vuln-db-key", nil, "public key in PEM that the vulnerability database must be signed with (repeatable; or LIMPET_DB_KEY)")
	fl.DurationVar(&f.VulnDBInterval, "vuln-db-interval", vulndata.DefaultInterval, "time between two pulls of the vulnerability database")
	fl.IntVar(&f.ScanWorkers, "scan-workers", 0, "scans of queued images that this process makes side by side (default: half the processors); -1: none, where 'limpet worker' makes them")
	fl.DurationVar(&f.ScanLease, "scan-lease", time.Minute, "a worker that is silent for so long loses what it scans")
	fl.StringVar(&f.exceptionAge, "max-exception-age", "365d", "how long an exception may hold at most, before it is to be approved again")
	fl.StringArrayVar(&f.RegistryNetworks, "registry-network", nil, "`NETWORK` in which registries may stand although it is this machine's own or link-local, such as 127.0.0.0/8 (repeatable)")
	fl.BoolVar(&f.RegistryIdentity, "registry-cloud-identity", false, "let registries be signed in to with this server's own cloud identity (AWS)")
	fl.StringVar(&f.SetupCodeFile, "setup-code-file", "", "write the setup code to this file as well (mode 0600)")
	fl.BoolVar(&f.JSON, "print-json", false, "print addresses and setup code as one line of JSON")
	fl.StringVar(&f.logLevel, "log-level", "info", "debug, info, warn or error")
	choices(cmd, "log-level", "debug", "info", "warn", "error")
	fl.BoolVar(&f.logJSON, "log-json", false, "write the log as JSON")
	fl.StringVar(&f.config, "config", "", "file with these settings (YAML)")
	return cmd
}

// understand turns text into values.
func (f *serverFlags) understand() (controlplane.Config, error) {
	c := f.Config
	var err error
	if c.VulnDBKeys, err = f.vulnDBKeys.read(); err != nil {
		return c, fmt.Errorf("--vuln-db-key: %w", err)
	}
	if len(c.VulnDBFrom) > 0 && c.VulnDBInterval < time.Minute {
		return c, fmt.Errorf("--vuln-db-interval is %v, want at least a minute", c.VulnDBInterval)
	}
	if c.VulnDB == "" && len(c.VulnDBFrom) == 0 {
		if c.VulnDB, err = databasePath(); err != nil {
			c.VulnDB = "" // nobody has a home here: nothing was pulled
		}
	}
	if c.RetentionAge, err = parseAge(f.retentionAge); err != nil {
		return c, fmt.Errorf("--retention-age: %w", err)
	}
	if c.ExceptionAge, err = parseAge(f.exceptionAge); err == nil && c.ExceptionAge <= 0 {
		err = errors.New("an exception ends some day")
	}
	if err != nil {
		return c, fmt.Errorf("--max-exception-age: %w", err)
	}
	if c.RetentionSize, err = parseSize(f.retentionSize); err != nil {
		return c, fmt.Errorf("--retention-size: %w", err)
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.logLevel)); err != nil {
		return c, fmt.Errorf("--log-level: %q is not debug, info, warn or error", f.logLevel)
	}
	opts := &slog.HandlerOptions{Level: level}
	var h slog.Handler = slog.NewTextHandler(os.Stderr, opts)
	if f.logJSON {
		h = slog.NewJSONHandler(os.Stderr, opts)
	}
	c.Log = slog.New(h)
	c.Version = version.Version
	return c, nil
}

func noArgs(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return &UsageError{fmt.Errorf("unexpected argument %s", strings.Join(args, " "))}
	}
	return nil
}
