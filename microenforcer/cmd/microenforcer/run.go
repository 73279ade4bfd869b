package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/microenforcer"
)

// runFlags are the flags of run and healthcheck.
func runFlags(name string, errs io.Writer) (*flag.FlagSet, *microenforcer.Config, *string) {
	cfg := &microenforcer.Config{}
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.SetOutput(errs)
	f.StringVar(&cfg.PolicyFile, "policy", "", "policy `file` (YAML or JSON); it stays in force whatever a control plane sends")
	f.Func("mode", "weaken the policy to `audit`, or leave it at enforce", func(s string) error { cfg.Mode = policy.Mode(s); return nil })
	f.StringVar(&cfg.ManifestFile, "manifest", "", "drift manifest `file` (limpet wrap makes it)")
	f.StringVar(&cfg.EventsFile, "events", "", "where to write events as JSON lines: a `file`, - for stderr, none")
	f.StringVar(&cfg.Gateway, "gateway", "", "gateway's `address`, host:port (or LIMPET_GATEWAY)")
	f.StringVar(&cfg.CAFile, "ca", "", "PEM `file` of the gateway's CA")
	f.StringVar(&cfg.Token, "token", "", "join `token`; LIMPET_JOIN_TOKEN is the better place")
	f.StringVar(&cfg.MinimumRung, "minimum-rung", "", "refuse to start where the kernel gives less than this `rung`: A1, A2, A3, B or C (default C)")
	f.StringVar(&cfg.Priority, "priority", microenforcer.Security, "what comes first when the enforcer cannot start: `security` (do not start the command) or availability (start it without protection)")
	f.DurationVar(&cfg.FlushLimit, "flush", microenforcer.DefaultFlush, "how long the last events may take when the command has ended")
	verbose := f.String("log", "warn", "least `level` of the enforcer's own log on stderr: debug, info, warn, error")
	f.Usage = func() {
		fmt.Fprintf(errs, "Usage: microenforcer %s [flags] -- COMMAND [ARGUMENTS]\n\nFlags:\n", name)
		f.PrintDefaults()
	}
	return f, cfg, verbose
}

func runCommand(args []string, _, errs io.Writer) int { return start("run", args, errs, nil) }

// healthcheckCommand runs what Docker starts beside the container's own tree:
// it is not below the running enforcer's filter, so it gets a tree of its own
// under the same policy. Its events go to stderr, which Docker keeps with the
// health check's result.
func healthcheckCommand(args []string, _, errs io.Writer) int {
	return start("healthcheck", args, errs, func(c *microenforcer.Config) { c.HealthCheck = true })
}

func start(name string, args []string, errs io.Writer, change func(*microenforcer.Config)) int {
	f, cfg, level := runFlags(name, errs)
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return microenforcer.ExitFailed
	}
	var l slog.Level
	if err := l.UnmarshalText([]byte(*level)); err != nil {
		fmt.Fprintf(errs, "microenforcer: cannot use log level %q: want debug, info, warn or error\n", *level)
		return microenforcer.ExitFailed
	}
	cfg.Command = f.Args()
	cfg.Logger = slog.New(slog.NewTextHandler(errs, &slog.HandlerOptions{Level: l, ReplaceAttr: shortTime}))
	if change != nil {
		change(cfg)
	}
	code, err := microenforcer.Run(*cfg)
	if err != nil {
		fmt.Fprintln(errs, "microenforcer:", err)
	}
	return code
}

// shortTime writes times in UTC to the millisecond.
func shortTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.String(a.Key, a.Value.Time().UTC().Format(time.RFC3339Nano))
	}
	return a
}
