package microenforcer

import (
	"context"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/limpet-security/limpet/internal/enforcer"
	"github.com/limpet-security/limpet/internal/kernel/probe"
	"github.com/limpet-security/limpet/internal/version"
	"github.com/limpet-security/limpet/internal/wire/wirepb"
	"github.com/limpet-security/limpet/microenforcer/status"
)

// support is what the kernel was found to give, once the probe has ended.
type support struct {
	mu     sync.Mutex
	known  bool
	report probe.Report
	err    error
}

func (s *support) get() (r probe.Report, known bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.report, s.known, s.err
}

// probeTries is how often the kernel is probed where that fails.
const probeTries = 3

// probe tries the kernel's facilities in a throw-away child, beside the
// application.
func (m *micro) probe(ctx context.Context) {
	var r probe.Report
	var err error
	for range probeTries { // its child may have been killed: status must not stay without an answer for that
		if r, err = probe.Run(ctx); err == nil || ctx.Err() != nil {
			break
		}
		m.cfg.Logger.Error("the kernel's facilities could not be probed", "error", err)
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
	m.support.mu.Lock()
	m.support.known, m.support.report, m.support.err = true, r, err
	m.support.mu.Unlock()
}

// controls is the truth about every control now.
func (m *micro) controls() (rung string, out []enforcer.ControlStatus) {
	r, known, err := m.support.get()
	e := m.loop.Policies().Engine
	return enforcer.Status(e, enforcer.Support{
		Mounts: mountsFor(e),
		Report: r, Known: known && err == nil, Failed: err, Engine: m.rung, Low: m.low, Arms: m.arms, Dropped: m.dropped, Decoys: m.decoys, Ports: m.loop.UnplacedPorts(), Lost: enforcer.CapabilitySet(m.lost.Load()), Visit: m.visits.Get(), Manifest: m.policies.describe().Manifest, Unknown: m.policies.notKnown(),
	})
}

func (m *micro) report() *status.Report {
	rung, controls := m.controls()
	r := &status.Report{
		Version: version.Version, PID: os.Getpid(), Rung: rung, Since: m.started.UTC(), Policy: m.policies.describe(),
		Controls: []status.Control{}, Facilities: []status.Facility{},
	}
	if m.baggage != nil {
		r.Image = m.baggage.Embedded.SourceImage
	}
	for _, c := range controls {
		r.Controls = append(r.Controls, status.Control{Control: string(c.Control), State: string(c.State), Reason: c.Reason, Errno: int(c.Errno)})
	}
	k, _, _ := m.support.get()
	r.Facilities = facilities(k)
	r.Events, r.Link = m.out.counts()
	r.Events.Violations = m.loop.Violations()
	return r
}

func facilities(r probe.Report) []status.Facility {
	out := []status.Facility{}
	for _, f := range r.Facilities {
		s := status.Facility{Name: string(f.Name), OK: f.OK}
		if !f.OK {
			s.Errno = f.Errno.Error()
		}
		out = append(out, s)
	}
	return out
}

// heartbeat is the same truth for the control plane.
func (m *micro) heartbeat() *wirepb.HeartbeatRequest {
	rung, controls := m.controls()
	p := m.loop.Policies()
	h := &wirepb.HeartbeatRequest{
		Version: version.Version, Rung: rung, BundleEpoch: p.Epoch, BundleNumber: p.Number, Hostname: hostname(),
		Facilities: map[string]string{},
	}
	for _, c := range controls {
		h.Controls = append(h.Controls, &wirepb.ControlStatus{Control: string(c.Control), State: string(c.State), Reason: c.Reason, Errno: int32(c.Errno)})
	}
	k, _, _ := m.support.get()
	for _, f := range facilities(k) {
		if f.OK {
			f.Errno = "ok"
		}
		h.Facilities[f.Name] = f.Errno
	}
	return h
}

func (m *micro) serveStatus(ctx context.Context) {
	if err := status.Serve(ctx, m.report, m.policies.raw); err != nil {
		m.cfg.Logger.Warn("status is not offered", "error", err)
	}
}

// kernelRelease is what uname says.
func kernelRelease() string {
	var u syscall.Utsname
	if syscall.Uname(&u) != nil {
		return ""
	}
	var b []byte
	for _, c := range u.Release {
		if c == 0 {
			break
		}
		b = append(b, byte(c))
	}
	return string(b)
}

// Preview is what Run would do here, without running anything.
func Preview(ctx context.Context, cfg Config) (*status.Report, error) {
	cfg.Command, cfg.EventsFile, cfg.HealthCheck = []string{"preview"}, EventsNowhere, true
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	m, err := prepare(&cfg, nil)
	if err != nil {
		return nil, err
	}
	m.arm()
	m.probe(ctx)
	r := m.report()
	r.PID = 0
	return r, nil
}
