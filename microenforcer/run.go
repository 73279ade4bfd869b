package microenforcer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/limpet-security/limpet/internal/drift"
	"github.com/limpet-security/limpet/internal/enforcer"
	"github.com/limpet-security/limpet/internal/intercept/notify"
	"github.com/limpet-security/limpet/internal/intercept/relay"
	"github.com/limpet-security/limpet/internal/intercept/resolve"
	"github.com/limpet-security/limpet/internal/kernel/seccomp"
	"github.com/limpet-security/limpet/internal/version"
	"github.com/limpet-security/limpet/microenforcer/attach"
	"github.com/limpet-security/limpet/microenforcer/guard"
	"github.com/limpet-security/limpet/microenforcer/status"
	"github.com/limpet-security/limpet/microenforcer/supervise"
)

// Limits of the enforcer's own appetite: it lives inside somebody else's
// memory limit.
const (
	softMemory = 32 << 20 // the garbage collector works harder above this
	gcPercent  = 200
	// processors is the least GOMAXPROCS. Threads that sleep in a raw system
	// call (the listener's) count as running: with as many of them as
	// processors Go's monitor thread would never sleep, which costs a quarter
	// of the time of every exec.
	processors = 8
)

// Run is the whole life of a MicroEnforcer: it starts cfg.Command and returns
// the exit code when the command has ended. It may be called once in a
// process, and takes the process's signals, environment and children for
// itself. The error says why the code is not the command's own. Where
// cfg.Priority is Availability and the enforcer cannot start, the process
// becomes the command, and Run does not return.
func Run(cfg Config) (code int, err error) {
	debug.SetMemoryLimit(softMemory)
	// No collection while the workload waits for its start.
	debug.SetGCPercent(-1)
	time.AfterFunc(time.Second, func() { debug.SetGCPercent(gcPercent) })
	runtime.GOMAXPROCS(max(processors, runtime.NumCPU()))
	if err := cfg.validate(); err != nil {
		return ExitFailed, err
	}
	ours, appEnv, err := guard.TakeEnv()
	if err != nil {
		// Without /proc there is no environ to read either.
		cfg.Logger.Warn("the enforcer's variables could not be wiped", "error", err)
	}
	if len(ours) > 0 || cfg.Token != "" {
		if err := guard.WipeInit(cfg.Token); err != nil {
			cfg.Logger.Warn("the init process keeps the enforcer's variables", "error", err)
		}
	}
	code, err = protect(&cfg, ours, appEnv)
	if own := (ownError{}); errors.As(err, &own) && cfg.Priority == Availability && !cfg.HealthCheck {
		return unprotected(&cfg, appEnv, err)
	}
	return code, err
}

// protect runs cfg.Command under the enforcer. An ownError means that the
// command was not started because the enforcer could not.
func protect(cfg *Config, ours map[string]string, env []string) (int, error) {
	if err := guard.Close(); err != nil {
		return ExitFailed, ownError{err}
	}
	if cfg.Token == "" {
		cfg.Token = ours["JOIN_TOKEN"]
	}
	if cfg.Gateway == "" {
		cfg.Gateway = ours["GATEWAY"]
	}
	tr := &traced{}
	sup, err := supervise.Take(supervise.Options{Logger: cfg.Logger, Traced: tr.owns})
	if err != nil {
		return ExitFailed, ownError{err}
	}
	defer sup.Close()
	m, err := prepare(cfg, ours)
	if err != nil {
		return ExitFailed, ownError{err}
	}
	m.traced = tr
	return m.run(sup, env)
}

// liveLimit bounds how long a health check waits for the policy in force.
const liveLimit = 300 * time.Millisecond

// micro is one run.
type micro struct {
	cfg      *Config
	started  time.Time
	baggage  *attach.Baggage // nil outside a wrapped image
	policies *policies
	loop     *enforcer.Loop
	out      *outlets
	note     error                  // why the embedded bundle was not used
	arms     seccomp.Arms           // of the filter, as they were at the start
	decoys   []enforcer.Decoy       // false credentials in the application's environment
	dropped  enforcer.CapabilitySet // what the policy took away at the start
	lost     atomic.Uint64          // what the workload then had not

	wasRevoked atomic.Bool  // the workload was judged for its revoked image
	imageWas   atomic.Int32 // what was said of its image (verdict.Verdict)

	names   *resolve.Resolver // answers the workload's questions to name servers
	relay   *relay.Relay      // looks at the first words of connections
	engine  engine
	rung    string       // of the engine, when it is another than package notify's
	low     enforcer.Low // of rung C
	traced  *traced      // the tracees of this process, if the engine is a tracer
	pid     atomic.Int64 // of the application, once it exists
	support *support
	visits  enforcer.Visits // how sessions from outside can be met
	tasks   sync.WaitGroup
	probing context.CancelFunc // ends the probe
}

// prepare does everything that must be right before the application starts.
func prepare(cfg *Config, ours map[string]string) (*micro, error) {
	m := &micro{cfg: cfg, started: time.Now(), policies: &policies{}, support: &support{}, probing: func() {}}
	manifest := attach.Manifest(cfg.Dir, cfg.ManifestFile) // read beside the rest
	baggage, err := attach.Load(cfg.Dir)
	switch {
	case err == nil:
		m.baggage = baggage
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	default:
		baggage = &attach.Baggage{}
	}
	labels, err := parseLabels(ours["LABELS"])
	if err != nil {
		return nil, err
	}
	if cfg.HealthCheck && len(baggage.Keys) > 0 {
		// The policy that holds now may be newer than the image's; it is verified
		// like every other.
		ctx, cancel := context.WithTimeout(context.Background(), liveLimit)
		if live, err := status.Bundle(ctx); err == nil && len(live) > 0 {
			baggage.Bundle = live
		}
		cancel()
	}
	who := describeWorkload(baggage, labels)
	m.policies.describeWorkload(m.baggage, who)
	first, note, err := m.policies.load(cfg)
	if err != nil {
		return nil, err
	}
	m.note = note
	files, err := m.manifest(manifest)
	if err != nil {
		return nil, err
	}
	if m.out, err = m.open(cfg, who); err != nil {
		return nil, err
	}
	m.loop, err = enforcer.New(enforcer.Config{
		Recorder: m.out, Manifest: files, Workload: who, Logger: cfg.Logger, Stop: m.stopWorkload,
	}, first)
	return m, err
}

// manifest waits for the drift manifest; nil: there is none. One that lies in
// the enforcer's folder belongs to a wrapped image and its configuration.
func (m *micro) manifest(wait func() (*drift.Manifest, error)) (*drift.Manifest, error) {
	if m.baggage == nil && m.cfg.ManifestFile == "" {
		return nil, nil
	}
	files, err := wait()
	m.policies.hasManifest(files != nil)
	return files, err
}

// run starts the application and stays until it has ended.
func (m *micro) run(sup *supervise.Supervisor, env []string) (int, error) {
	path, err := lookPath(m.cfg.Command[0], env)
	if err != nil {
		m.end(startCode(err), err.Error())
		return startCode(err), err
	}
	go m.loop.Warm(path) // while the rest comes up
	m.names = resolve.New(resolve.Config{Judge: m.loop, Logger: m.cfg.Logger})
	defer m.names.Close()
	m.learnOnTrial()
	if err := errors.Join(m.startRevoked(), m.startImage(), m.volumes()); err != nil {
		m.end(ExitDenied, err.Error())
		return ExitDenied, err
	}
	m.placeBaits()
	if !m.cfg.HealthCheck {
		m.loop.PlacePorts()
	}
	m.relay = relay.New(relay.Config{Judge: m.loop, Names: m.names.Names, Logger: m.cfg.Logger})
	defer m.relay.Close()
	err = m.start(sup, notify.Command{
		Path: path, Args: m.cfg.Command, Env: m.placeDecoys(env),
		DropCaps: m.dropCaps(), Forked: func(pid int) {
			m.pid.Store(int64(pid))
			sup.Adopt(pid)
		},
	})
	if err != nil {
		code := startCode(err)
		err = startFault(explainStart(path, err))
		m.end(code, err.Error())
		return code, err
	}
	m.tellCaps()
	if m.rung == "" {
		m.loop.SeesBinds()
	}
	say := m.tellStart
	m.out.preface.Store(&say)
	ctx, cancel := context.WithCancel(context.Background())
	first, over := context.WithTimeout(ctx, firstMoments)
	begun := make(chan struct{})
	go func() {
		<-first.Done()
		m.background(ctx)
		close(begun)
	}()
	exit := sup.Wait(m.engine.PID())
	over()
	<-begun
	m.probing() // its child is one of the rest
	sup.EndRest(m.cfg.FlushLimit)
	m.engine.Close()
	attributes := map[string]string{"exit_code": strconv.Itoa(exit.Code()), "orphans": strconv.FormatUint(sup.Orphans(), 10)}
	if exit.Signal != 0 {
		attributes["signal"] = exit.Signal.String()
	}
	m.loop.Flush()
	m.lifecycle("The workload ended: "+exit.String()+".", attributes)
	m.finish(cancel)
	return exit.Code(), nil
}

// arm chooses what the filter of this start notifies beside the rest.
func (m *micro) arm() seccomp.Arms {
	// Until the control plane has said which policy holds, names may matter.
	unknown := m.out.link != nil && m.cfg.PolicyFile == "" && m.loop.Policies().Number == 0
	m.arms = enforcer.ArmsToLearn(enforcer.ArmsOf(m.loop.Policies().Engine), m.loop.Policies().Learning, unknown)
	return m.arms
}

// tellStart says that the application runs, before anything is said of it.
func (m *micro) tellStart() {
	p := m.policies.describe()
	m.lifecycle("The enforcer started the workload.", map[string]string{
		"version": version.Version, "command": m.cfg.Command[0], "policy_source": p.Source, "pid": strconv.Itoa(m.engine.PID()),
	})
	if m.note != nil {
		m.cfg.Logger.Warn("the embedded bundle is not used", "error", m.note)
		m.lifecycle("The embedded policy bundle was refused.", map[string]string{"error": m.note.Error()})
	}
}

// background starts what must not delay the application.
func (m *micro) background(ctx context.Context) {
	m.out.begin()
	m.tasks.Go(func() { m.loop.Run(ctx) })
	m.tasks.Go(func() { m.watchVolumes(ctx) })
	if m.cfg.HealthCheck {
		return
	}
	m.tasks.Go(func() { m.serveStatus(ctx) })
	m.sweep(ctx)
	m.tasks.Go(func() { m.recompile(ctx) })
	m.tasks.Go(func() { m.endTrial(ctx) })
	var soon context.Context
	soon, m.probing = context.WithCancel(ctx)
	m.tasks.Go(func() {
		select {
		case <-time.After(settle):
			notify.Spare()
			m.probe(soon) // first: the first heartbeat tells what holds
			m.out.start()
		case <-soon.Done():
		}
	})
}

// firstMoments is how long the application has nothing of ours beside it but
// those who answer its calls: what background does at once would take the second
// processor from it while it is loaded.
const firstMoments = 10 * time.Millisecond

// settle is how long the application has the processor to itself before the
// enforcer probes the kernel and calls the control plane.
const settle = 50 * time.Millisecond

// recompile follows the clock: enforceAfterDays pass, exceptions expire.
func (m *micro) recompile(ctx context.Context) {
	for {
		next := m.loop.Policies().Engine.NextChange()
		wait := time.Hour // also the pace at which a bundle's change of it is noticed
		if !next.IsZero() {
			wait = min(wait, max(time.Until(next), time.Second))
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		if next.IsZero() || time.Now().Before(next) {
			continue
		}
		if p, err := m.policies.again(); err != nil {
			m.cfg.Logger.Error("the policy could not be compiled again", "error", err)
		} else {
			m.loop.SetEngine(p)
			m.lifecycle("The policy changed with time: a grace period or an exception ended.", nil)
		}
	}
}

// apply takes a bundle from the control plane.
func (m *micro) apply(data []byte) error {
	p, err := m.policies.accept(data, time.Now())
	if err != nil {
		m.cfg.Logger.Warn("a policy bundle was refused", "error", err)
		m.lifecycle("A policy bundle was refused.", map[string]string{"error": err.Error()})
		return err
	}
	m.loop.SetEngine(p)
	m.lifecycle("A policy bundle was applied.", map[string]string{
		"epoch": strconv.FormatUint(p.Epoch, 10), "number": strconv.FormatUint(p.Number, 10),
	})
	m.runsRevoked()
	m.runsImage()
	return nil
}

// stopWorkload ends the application because a rule says so: SIGKILL to the
// main child; what it leaves behind ends as at every exit.
func (m *micro) stopWorkload(reason string) {
	m.cfg.Logger.Error("the policy stops the workload", "reason", reason)
	m.lifecycle("The policy stopped the workload: "+reason+".", nil)
	if pid := int(m.pid.Load()); pid > 1 {
		syscall.Kill(pid, syscall.SIGKILL)
	}
}

// fault reports a failure inside the mechanism; the call was refused.
func (m *micro) fault(call string, v any) {
	m.lifecycle("A call could not be handled and was refused.", map[string]string{"syscall": call, "fault": fmt.Sprintf("%.300v", v)})
}

func (m *micro) lifecycle(reason string, attributes map[string]string) {
	if !m.cfg.HealthCheck {
		m.loop.Lifecycle(reason, attributes)
	}
}

// end is finish for an application that never started.
func (m *micro) end(code int, why string) {
	m.lifecycle("The workload could not be started.", map[string]string{"exit_code": strconv.Itoa(code), "error": why})
	m.finish(func() {})
}

// finish hands in what is left, within the limit.
func (m *micro) finish(cancel func()) {
	ctx, done := context.WithTimeout(context.Background(), m.cfg.FlushLimit)
	defer done()
	cancel()
	m.loop.Flush()
	m.out.start() // if the workload was shorter than settle
	m.out.close(ctx)
	ended := make(chan struct{})
	go func() { m.tasks.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-ctx.Done():
	}
}

// hostname of the container; "" if unknown.
func hostname() string {
	h, _ := os.Hostname()
	return h
}
