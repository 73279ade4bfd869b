package microenforcer

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/workload"
)

// Exit codes of the enforcer itself.
const (
	ExitFailed    = 125
	ExitDenied    = 126
	ExitNotFound  = 127
	DefaultFlush  = 2 * time.Second
	maxFlush      = 60 * time.Second
	EventsStderr  = "-"
	EventsNowhere = "none"
)

// Config of Run. Only Command is required.
type Config struct {
	Command []string // argv of the application

	PolicyFile   string      // YAML or JSON; "" uses the bundle, or the built-in default policy
	Mode         policy.Mode // weakens PolicyFile or the default policy; "" leaves it as it is
	ManifestFile string      // drift manifest; "" uses the image's, if there is one
	EventsFile   string      // JSON lines: a file, "-" for stderr, "none". "": "-" without a gateway, "none" with one

	Gateway string // host:port; "" uses LIMPET_GATEWAY or the image's
	CAFile  string // PEM of the gateway's CA; "" uses the image's
	Token   string // join token; "" uses LIMPET_JOIN_TOKEN

	Priority string // Security or Availability; "" is Security

	Dir string // "": workload.Dir
	// MinimumRung refuses to start where the kernel gives less: A1, A2, A3, B
	// or C. "": C, whatever there is.
	MinimumRung string
	FlushLimit  time.Duration // of the last events at the end; 0: DefaultFlush
	Logger      *slog.Logger  // nil: discard
	// HealthCheck is a short life beside the container's own: no lifecycle
	// events, no status, no control plane; events on stderr.
	HealthCheck bool
}

func (c *Config) validate() error {
	if len(c.Command) == 0 || c.Command[0] == "" {
		return errors.New("no command: say what to run after --, for example: microenforcer run -- nginx -g 'daemon off;'")
	}
	switch c.Mode {
	case "", policy.Audit, policy.Enforce, policy.Off:
	default:
		return fmt.Errorf("cannot use mode %q: want %s, %s or %s", c.Mode, policy.Audit, policy.Enforce, policy.Off)
	}
	if c.MinimumRung == "" {
		c.MinimumRung = "C"
	}
	if !slices.Contains(rungs, c.MinimumRung) {
		return fmt.Errorf("cannot use minimum rung %q: want A1, A2, A3, B or C", c.MinimumRung)
	}
	switch c.Priority {
	case "", Security, Availability:
	default:
		return fmt.Errorf("cannot use priority %q: want %s or %s", c.Priority, Security, Availability)
	}
	if c.FlushLimit < 0 || c.FlushLimit > maxFlush {
		return fmt.Errorf("cannot use a flush limit of %v: at most %v", c.FlushLimit, maxFlush)
	}
	if c.FlushLimit == 0 {
		c.FlushLimit = DefaultFlush
	}
	if c.Dir == "" {
		c.Dir = workload.Dir
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}
