package microenforcer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/limpet-security/limpet/internal/enforcer"
	"github.com/limpet-security/limpet/internal/intercept/notify"
	"github.com/limpet-security/limpet/internal/intercept/sweep"
	"github.com/limpet-security/limpet/internal/intercept/tracer"
	"github.com/limpet-security/limpet/internal/intercept/watcher"
	"github.com/limpet-security/limpet/microenforcer/supervise"
)

// engine is a mechanism that runs the application.
type engine interface {
	sweep.Tree
	Done() <-chan struct{}
	Close()
}

// traced knows which processes belong to a tracer, if there is one.
type traced struct{ by atomic.Pointer[tracer.Tracer] }

func (t *traced) owns(pid int) bool {
	by := t.by.Load()
	return by != nil && by.Owns(pid)
}

// rungs from the weakest to the strongest.
var rungs = []string{"C", "B", "A3", "A2", "A1"}

// weaker says whether rung a lies below rung b.
func weaker(a, b string) bool { return slices.Index(rungs, a) < slices.Index(rungs, b) }

// start runs the application on the highest rung that this host gives: each is
// tried by starting, because nothing else tells for sure. What fails has run
// nothing of the application.
func (m *micro) start(sup *supervise.Supervisor, cmd notify.Command) error {
	cfg := notify.Config{Judge: m.loop, Arms: m.arm(), Names: m.names, Relay: m.relay, Own: m.ownFiles(), Logger: m.cfg.Logger, Reaped: sup.Reaped, Fault: m.fault}
	s, err := notify.Start(context.Background(), cfg, cmd)
	if err == nil {
		m.engine = s
		return nil
	}
	var step *notify.StartError
	if !errors.As(err, &step) || step.Step != notify.StepFilter {
		return err
	}
	if weaker("B", m.cfg.MinimumRung) {
		return err
	}
	t, terr := tracer.Start(context.Background(), cfg, cmd)
	if terr == nil {
		m.traced.by.Store(t)
		m.engine, m.rung = t, "B"
		return nil
	}
	if !errors.As(terr, &step) || step.Step != tracer.StepTrace && step.Step != notify.StepFilter {
		return terr
	}
	if weaker("C", m.cfg.MinimumRung) {
		return fmt.Errorf("%w; and no task can be traced: %w", err, terr)
	}
	m.low.Refused = enforcer.Refusable(m.loop.Policies().Engine)
	var calls []string
	for _, kind := range m.low.Refused {
		calls = append(calls, notify.Calls(kind)...)
	}
	w, werr := watcher.Start(context.Background(), cfg, cmd, calls)
	if werr != nil {
		return werr
	}
	m.cfg.Logger.Warn("neither a seccomp listener nor ptrace can be had: programs are watched, not held", "listener", err, "ptrace", terr)
	m.engine, m.rung, m.low.Filter = w, "C", w.Filter()
	return nil
}
