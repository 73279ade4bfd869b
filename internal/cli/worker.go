package cli

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/limpet-security/limpet/controlplane/client"
	"github.com/limpet-security/limpet/scanner/worker"
)

// WorkerCommand scans what a control plane's queue lends.
func WorkerCommand() *cobra.Command {
	var conn connection
	var name, cacheDir, db, logLevel string
	var parallel int
	var noCache, logJSON bool
	cmd := &cobra.Command{
		Use:   "worker",
		Short: "Scan the images that wait in a control plane's queue",
		Long: `Scan the images that wait in a control plane's queue.

A worker leases one scan after another over HTTPS, reads the image from its
registry, and sends back what is in it; the control plane matches it with its
vulnerability database and judges it by its policies. Start as many as you like,
anywhere that reaches the registries and the control plane.

It needs an API token with the role worker and no other. Credentials for a
registry that the control plane knows come with the lease; for others those of
this machine are used (docker login, the cloud's own).

A worker that is told to stop (SIGTERM, Ctrl-C) gives back what it has begun.
One that is killed loses it after the server's --scan-lease, and another scans it.`,
		Example: `  limpet token create builder-3 --role worker > token
  limpet worker --server https://limpet.example.com:8443 --api-token-file token
  limpet worker --parallel 4 --cache-dir /var/cache/limpet/layers`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if parallel == 0 {
				parallel = max(1, runtime.GOMAXPROCS(0)/2)
			}
			if parallel < 0 || parallel > 64 {
				return &UsageError{fmt.Errorf("--parallel %d: want 1 to 64", parallel)}
			}
			var level slog.Level
			if err := level.UnmarshalText([]byte(logLevel)); err != nil {
				return &UsageError{fmt.Errorf("--log-level: %q is not debug, info, warn or error", logLevel)}
			}
			c, err := conn.client()
			if err != nil {
				return err
			}
			opts := &slog.HandlerOptions{Level: level}
			var h slog.Handler = slog.NewTextHandler(cmd.ErrOrStderr(), opts)
			if logJSON {
				h = slog.NewJSONHandler(cmd.ErrOrStderr(), opts)
			}
			if base, err := os.UserCacheDir(); cacheDir == "" && !noCache && err == nil {
				cacheDir = filepath.Join(base, "limpet", "layers")
			}
			if noCache {
				cacheDir = ""
			}
			if db == "" {
				db, _ = databasePath() // without a home there is none: only the test file is known as malware
			}
			if name == "" {
				name = workerName()
			}
			quietLogs()
			images := worker.Images{CacheDir: cacheDir, Database: db}
			w := worker.Worker{Queue: &client.ScanQueue{Client: c}, Name: name, Slots: parallel, Scan: images.Scan, Log: slog.New(h)}
			w.Log.InfoContext(cmd.Context(), "worker waits for scans", "name", name, "server", conn.Server, "parallel", parallel)
			if err := w.Run(cmd.Context()); err != nil {
				if errors.Is(err, worker.ErrRefused) {
					err = fmt.Errorf("%w (a token with the role worker is needed: limpet token create NAME --role worker)", err)
				}
				return err
			}
			w.Log.InfoContext(cmd.Context(), "worker stopped", "name", name)
			return nil
		},
	}
	conn.flags(cmd)
	fl := cmd.Flags()
	fl.StringVar(&name, "name", "", "`NAME` of this worker in the console, one of its own for each worker (default: this machine's)")
	fl.IntVar(&parallel, "parallel", 0, "scans to make side by side (default: half the processors)")
	fl.StringVar(&cacheDir, "cache-dir", "", "`FOLDER` for layers that were read (default: in the user's cache)")
	fl.BoolVar(&noCache, "no-cache", false, "read every layer anew and keep nothing")
	fl.StringVar(&db, "db", "", "database `FILE` whose malware signatures are used (default: the one that 'limpet db pull' fetched, if there is one)")
	fl.StringVar(&logLevel, "log-level", "info", "debug, info, warn or error")
	choices(cmd, "log-level", "debug", "info", "warn", "error")
	fl.BoolVar(&logJSON, "log-json", false, "write the log as JSON")
	return cmd
}

// workerName is what this machine is called.
func workerName() string {
	host, err := os.Hostname()
	if err != nil || host == "" {
		return "worker"
	}
	return strings.ToValidUTF8(host, "?")
}
