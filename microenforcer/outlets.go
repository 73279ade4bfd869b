package microenforcer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/limpet-security/limpet/internal/enforcer"
	"github.com/limpet-security/limpet/internal/event"
	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/uplink"
	"github.com/limpet-security/limpet/internal/version"
	"github.com/limpet-security/limpet/internal/wire"
	"github.com/limpet-security/limpet/internal/wire/wirepb"
	"github.com/limpet-security/limpet/microenforcer/status"
)

// maxQueued bounds the events that wait for a slow reader of the JSON lines.
const maxQueued = 8192

// outlets is where events go: JSON lines, the control plane, both or neither.
type outlets struct {
	gateway string
	lines   *enforcer.Lines
	file    io.Closer
	link    *uplink.Uplink
	to      enforcer.Tee
	none    atomic.Uint64 // recorded with no outlet at all
	preface atomic.Pointer[func()]

	starting sync.Once
	cancel   context.CancelFunc
	tasks    sync.WaitGroup
}

// Record implements enforcer.Recorder.
func (o *outlets) Record(e *eventpb.Event) {
	o.begin()
	if len(o.to) == 0 {
		o.none.Add(1)
		return
	}
	o.to.Record(e)
}

// begin says the preface, once: an event that is to come before the others, but
// not at the cost of the application's start.
func (o *outlets) begin() {
	if say := o.preface.Swap(nil); say != nil {
		(*say)()
	}
}

// open makes the outlets that cfg and the image ask for. It makes no
// connection.
func (m *micro) open(cfg *Config, who *eventpb.Workload) (*outlets, error) {
	o := &outlets{}
	boot := uuid.NewString()
	if err := m.openLink(o, cfg, who); err != nil {
		return nil, err
	}
	if o.link != nil {
		boot = o.link.BootID()
	}
	if err := o.openLines(cfg, boot); err != nil {
		return nil, err
	}
	if o.lines != nil {
		o.to = append(o.to, o.lines)
	}
	if o.link != nil {
		o.to = append(o.to, o.link)
	}
	return o, nil
}

func (o *outlets) openLines(cfg *Config, boot string) error {
	name := cfg.EventsFile
	if name == "" {
		name = EventsStderr
		if o.link != nil {
			name = EventsNowhere
		}
	}
	var w io.Writer
	switch name {
	case EventsNowhere:
		return nil
	case EventsStderr:
		// A descriptor of our own: a reader that goes away must not end us, and
		// the application may do with its own what it likes.
		w = os.Stderr
	default:
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return fmt.Errorf("cannot write events: %w", err)
		}
		w, o.file = f, f
	}
	o.lines = enforcer.NewLines(w, boot, maxQueued, line)
	return nil
}

func line(e *eventpb.Event) ([]byte, error) {
	b, err := event.JSON(e)
	return append(b, '\n'), err
}

// openLink makes the link to the control plane, if one is named.
func (m *micro) openLink(o *outlets, cfg *Config, who *eventpb.Workload) error {
	gateway, ca := cfg.Gateway, ""
	if m.baggage != nil {
		if gateway == "" {
			gateway = m.baggage.Embedded.Gateway
		}
		ca = m.baggage.Embedded.CAPEM
	}
	if gateway == "" || cfg.HealthCheck {
		return nil
	}
	if cfg.CAFile != "" {
		b, err := os.ReadFile(cfg.CAFile)
		if err != nil {
			return fmt.Errorf("cannot read the gateway's CA: %w", err)
		}
		ca = string(b)
	}
	if ca == "" {
		return errors.New("cannot trust the gateway: give its CA with --ca FILE, or wrap the image for this control plane (limpet wrap --server)")
	}
	if cfg.Token == "" {
		cfg.Logger.Warn("no join token: the enforcer works alone; set LIMPET_JOIN_TOKEN to report to " + gateway)
		return nil
	}
	link, err := uplink.New(uplink.Config{
		Gateway: gateway, CAPEM: ca, Token: cfg.Token, Kind: wire.KindMicro, Version: version.Version,
		Hostname: hostname(), Arch: runtime.GOARCH, Kernel: kernelRelease(), Workload: who,
		BundleKeys: m.policies.keys(), OnEnrolled: m.enrolled, OnBundle: m.onBundle(cfg), Status: m.heartbeat, Profile: profiler{m},
		Logger: cfg.Logger,
	})
	cfg.Token = ""
	if err != nil {
		return err
	}
	o.gateway, o.link = gateway, link
	return nil
}

// profiler hands in what the loop observes. The loop is made after the link,
// and before it runs.
type profiler struct{ m *micro }

func (p profiler) Delta() *wirepb.PushProfileRequest { return p.m.loop.Observer().Delta() }
func (p profiler) Acked(sequence uint64)             { p.m.loop.Observer().Acked(sequence) }
func (p profiler) Refused()                          { p.m.loop.Observer().Refused() }

// trial is how long a start is observed without knowing whether it is wanted.
const trial = time.Minute

// learnOnTrial observes from the start, in case the first bundle says that the
// group is learning.
func (m *micro) learnOnTrial() {
	if m.out.link != nil && m.cfg.PolicyFile == "" && !m.loop.Learning() {
		m.loop.LearnOnTrial()
	}
}

// endTrial waits until the trial is over.
func (m *micro) endTrial(ctx context.Context) {
	select {
	case <-time.After(trial):
		m.loop.EndTrial()
	case <-ctx.Done():
	}
}

// onBundle is nil when a policy file was given: it stays in force.
func (m *micro) onBundle(cfg *Config) func([]byte) error {
	if cfg.PolicyFile != "" {
		return nil
	}
	return m.apply
}

// enrolled learns for whom bundles are, and the keys that may sign them, when
// the image did not say.
func (m *micro) enrolled(e uplink.Enrolled) {
	keys := e.BundleKeys
	if own := m.policies.keys(); len(own) > 0 {
		keys = own
	}
	m.policies.know(keys, e.Tenant, e.Group)
}

// start lets the link run. It may be called again.
func (o *outlets) start() {
	if o.link == nil {
		return
	}
	o.starting.Do(func() {
		ctx, cancel := context.WithCancel(context.Background())
		o.cancel = cancel
		o.tasks.Go(func() { o.link.Run(ctx) })
	})
}

// close hands in what is left, until ctx ends.
func (o *outlets) close(ctx context.Context) {
	var wg sync.WaitGroup
	if o.link != nil {
		wg.Go(func() {
			o.link.Flush(ctx)
			o.cancel()
			o.tasks.Wait()
		})
	}
	if o.lines != nil {
		wg.Go(func() {
			if o.lines.Close(ctx) == nil && o.file != nil {
				o.file.Close()
			}
		})
	}
	wg.Wait()
}

// counts adds up what became of the events.
func (o *outlets) counts() (e status.Events, link *status.Link) {
	switch {
	case o.link != nil:
		s := o.link.Stats()
		e = status.Events{Generated: s.Generated, Delivered: s.Acked, Dropped: s.Dropped, Waiting: s.Queued}
		link = &status.Link{Gateway: o.gateway, Connected: s.Connected, Enrolled: s.Enrolled, LastError: s.LastError}
	case o.lines != nil:
		s := o.lines.Stats()
		e = status.Events{Generated: s.Generated, Delivered: s.Written, Dropped: s.Dropped, Waiting: s.Generated - s.Written - s.Dropped}
	default:
		e = status.Events{Generated: o.none.Load(), Dropped: o.none.Load()}
	}
	return e, link
}
