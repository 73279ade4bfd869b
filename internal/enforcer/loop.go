package enforcer

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/drift"
	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/verdict"
	"github.com/limpet-security/limpet/internal/workload"
)

// DefaultWindow is how long equal events are counted instead of sent.
const DefaultWindow = 5 * time.Second

// Config of a Loop. Recorder is required.
type Config struct {
	Recorder Recorder
	Manifest *drift.Manifest   // of the image's executables; nil: there is none
	Workload *eventpb.Workload // goes into every event; nil: nothing is known
	Window   time.Duration     // of counting equal events; 0: DefaultWindow
	// Stop ends the workload because a rule says so. It must not block and may
	// be called more than once. nil: such a rule kills the process only.
	Stop   func(reason string)
	Logger *slog.Logger // nil: discard
	Proc   string       // "": /proc
	Passwd string       // "": /etc/passwd
	Now    func() time.Time
}

// Policies is a compiled policy and where it came from.
type Policies struct {
	Engine        *verdict.Engine
	Epoch, Number uint64 // of the bundle; 0, 0: not from a bundle
	Learning      bool   // the bundle asks to observe what the workload does (Observer)
}

// Loop implements intercept.Judge.
type Loop struct {
	cfg     Config
	current atomic.Pointer[Policies]
	digests *drift.Digests
	links   links // further names of files
	users   users
	lineage *lineage
	scans   scans
	self    int // our own process
	folders folders
	libs    libraries
	calls   calls
	decoys  atomic.Pointer[[]Decoy]
	ports   baitPorts
	events  coalescer
	names   nameLog
	// integrity watches files that were opened for writing.
	integrity integrity

	violations atomic.Uint64 // verdicts other than allow, tampering included
	panics     atomic.Uint64
	audited    audited
	stopping   sync.Once
	observer   Observer // of what a learning group's workload does
}

var _ intercept.Judge = (*Loop)(nil)

// New makes a Loop that answers by p.
func New(cfg Config, p Policies) (*Loop, error) {
	if cfg.Recorder == nil || p.Engine == nil {
		return nil, fmt.Errorf("cannot make an enforcer without a recorder and a policy")
	}
	if cfg.Window == 0 {
		cfg.Window = DefaultWindow
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Proc == "" {
		cfg.Proc = "/proc"
	}
	if cfg.Passwd == "" {
		cfg.Passwd = "/etc/passwd"
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	l := &Loop{
		cfg:     cfg,
		digests: drift.NewDigests(maxDigests),
		users:   users{path: cfg.Passwd, now: cfg.Now},
		lineage: newLineage(cfg.Proc, os.Getpid()),
		self:    os.Getpid(),
	}
	l.events = coalescer{window: cfg.Window, open: make(map[key]*pending), out: cfg.Recorder.Record}
	l.observer.now = cfg.Now
	l.integrity = integrity{l: l, files: make(map[string]*change)}
	l.SetEngine(p)
	return l, nil
}

// maxDigests bounds the digest cache.
const maxDigests = 8192

// SetEngine exchanges the policy. Calls that are being judged end under the
// old one.
func (l *Loop) SetEngine(p Policies) {
	l.current.Store(&p)
	if p.Learning || p.Number > 0 {
		l.Learn(p.Learning)
	}
}

// Policies gives the policy in force.
func (l *Loop) Policies() Policies { return *l.current.Load() }

// Violations is the number of verdicts other than allow so far: what the
// counts of all events of judged calls, sent and dropped, add up to.
func (l *Loop) Violations() uint64 { return l.violations.Load() }

// Run closes coalescing windows as they end, and all of them when ctx ends.
func (l *Loop) Run(ctx context.Context) {
	tick := time.NewTicker(max(l.cfg.Window/4, time.Millisecond))
	defer tick.Stop()
	defer l.ports.close()
	for {
		select {
		case <-ctx.Done():
			l.Flush()
			return
		case <-tick.C:
			l.PlacePorts()
			l.integrity.sweep(l.cfg.Now(), false)
			l.events.sweep(l.cfg.Now(), false)
			l.names.sweep(l, l.cfg.Now(), false)
			l.observer.sample(l.cfg.Proc, l.ports.is)
		}
	}
}

// Flush hands every held event to the recorder.
func (l *Loop) Flush() {
	l.integrity.sweep(l.cfg.Now(), true)
	l.events.sweep(l.cfg.Now(), true)
	l.names.sweep(l, l.cfg.Now(), true)
}

// Exec implements intercept.Judge.
func (l *Loop) Exec(e *action.Exec) (a intercept.Answer) {
	defer l.caught("exec", syscall.EACCES, &a)
	p := l.current.Load()
	l.identify(p, e)
	d := p.Engine.Exec(e)
	if d.Verdict == verdict.Allow {
		return intercept.Allow
	}
	l.identifyForEvent(e)
	// A digest may take longer than the caller's patience: who was interrupted asks
	// again, and is to be counted once.
	if !e.Whole() {
		return intercept.Answer{Errno: syscall.EINTR}
	}
	a = l.answer(d, nil, syscall.EACCES)
	if a == intercept.Allow {
		l.audited.put(e, d) // ExecStarted need not say it again
	}
	l.reportExec(p, d, e, a)
	return a
}

// ExecStarted implements intercept.Judge.
func (l *Loop) ExecStarted(e *action.Exec) (a intercept.Answer) {
	defer l.caught("exec", syscall.EACCES, &a)
	p := l.current.Load()
	l.digests.Fresh(e.File)
	l.digests.Fresh(e.InterpFile)
	l.identify(p, e)
	d := p.Engine.Exec(e)
	if d.Verdict != verdict.Allow {
		e.Whole()
		a = l.answer(d, nil, syscall.EACCES)
		if a != intercept.Allow {
			a.Kill = true
		}
		if !l.audited.take(e, d) || a.Kill {
			l.identifyForEvent(e)
			l.reportExec(p, d, e, a)
		}
	}
	if !a.Kill {
		l.observer.exec(e) // first: learn keeps what runs from now on
		l.learn(e)
	}
	return a
}

// Socket implements intercept.Judge.
func (l *Loop) Socket(s *action.Socket) (a intercept.Answer) {
	defer l.caught("socket", syscall.EPERM, &a)
	p := l.current.Load()
	d := p.Engine.Socket(s)
	if d.Verdict != verdict.Deny {
		l.observer.socket(s)
	}
	if d.Verdict == verdict.Allow {
		return intercept.Allow
	}
	a = l.answer(d, s.Proc, syscall.EAFNOSUPPORT)
	l.reportSocket(p, d, s, a)
	return a
}

// Connect implements intercept.Judge. A stream that is denied looks like a
// peer that refuses; a datagram like a local firewall.
func (l *Loop) Connect(c *action.Connect) (a intercept.Answer) {
	defer l.caught("connect", syscall.EPERM, &a)
	p := l.current.Load()
	l.scan(p, c)
	l.baited(p, c)
	d := p.Engine.Connect(c)
	l.ports.expects(c, d)
	if d.Verdict != verdict.Deny && !c.Absent {
		l.observer.connect(c)
		if c.Foreign {
			if d := p.Engine.Descriptors(); d.Verdict != verdict.Allow {
				l.reportConnect(p, d, c, intercept.Allow)
			}
		}
	}
	if d.Verdict == verdict.Allow {
		return intercept.Allow
	}
	errno := syscall.EPERM
	if c.Protocol == action.ProtoTCP {
		errno = syscall.ECONNREFUSED
	}
	a = l.answer(d, c.Proc, errno)
	l.reportConnect(p, d, c, a)
	return a
}

// Fork implements intercept.Judge.
func (l *Loop) Fork(f *action.Fork) (a intercept.Answer) {
	defer l.caught("fork", syscall.EAGAIN, &a)
	p := l.current.Load()
	d := p.Engine.Fork(f)
	if d.Verdict != verdict.Deny {
		l.observer.fork(f)
	}
	if d.Verdict == verdict.Allow {
		return intercept.Allow
	}
	a = l.answer(d, f.Proc, syscall.EAGAIN)
	l.reportFork(p, d, f, a)
	return a
}

// Privilege implements intercept.Judge.
func (l *Loop) Privilege(c *action.Privilege) (a intercept.Answer) {
	defer l.caught("privilege", syscall.EPERM, &a)
	p := l.current.Load()
	d := p.Engine.Privilege(c)
	if d.Verdict != verdict.Deny {
		l.observer.privilege(c)
	}
	if d.Verdict == verdict.Allow {
		return intercept.Allow
	}
	a = l.answer(d, c.Proc, syscall.EPERM)
	l.reportPrivilege(p, d, c, a)
	return a
}

// Tamper implements intercept.Judge.
func (l *Loop) Tamper(t *action.Tamper) {
	var a intercept.Answer
	defer l.caught("tamper", syscall.EPERM, &a)
	p := l.current.Load()
	d := verdict.Decision{Verdict: verdict.Deny, Mode: policy.Enforce, Control: policy.SelfProtection, Rule: policy.RuleID(t.Syscall)}
	l.reportTamper(p, d, t)
}

// identify fills in what the mechanism leaves to us, if a rule asks for it.
func (l *Loop) identify(p *Policies, e *action.Exec) {
	// What an earlier question about this exec found may be about another file.
	e.Origin, e.Digest, e.InterpOrigin, e.InterpDigest = action.OriginUnknown, workload.Digest{}, action.OriginUnknown, workload.Digest{}
	l.bitten(e)
	n := p.Engine.Needs()
	if !n.Digest && (l.cfg.Manifest == nil || !n.Origin) && !l.observer.on.Load() {
		return
	}
	e.Digest = l.digest(e)
	if l.cfg.Manifest != nil {
		e.Origin = l.cfg.Manifest.Origin(e.Path, e.Digest)
		if e.Script {
			e.InterpDigest = l.interpreter(e)
			e.InterpOrigin = l.cfg.Manifest.Origin(e.Interpreter, e.InterpDigest)
		}
	}
	l.identifyRefs(e)
}

// maxToldSize bounds the programs that are hashed for an event's sake.
const maxToldSize = 64 << 20

// identifyForEvent adds the digest that no rule asked for: who reads of a
// program that was denied wants to know which one it was.
func (l *Loop) identifyForEvent(e *action.Exec) {
	if e.Digest.IsZero() && e.File.Mode&syscall.S_IFMT == syscall.S_IFREG && e.File.Size <= maxToldSize {
		e.Digest = l.digest(e)
	}
}

// digest gives that of the program, zero if it cannot be had.
func (l *Loop) digest(e *action.Exec) workload.Digest {
	d, known := l.digests.Known(e.File)
	if known {
		return d
	}
	if e.FD < 0 && e.Opener != nil {
		e.Opener.OpenObject()
	}
	if e.FD >= 0 {
		var err error
		if d, err = l.digests.OfWhile(e.FD, e.File, e.Waits); err != nil {
			l.cfg.Logger.Debug("cannot digest a program", "path", e.Path, "error", err)
		}
	}
	return d
}

// interpreter gives the digest of a script's interpreter. What cannot be
// opened, or is not the object that the mechanism saw, has none.
func (l *Loop) interpreter(e *action.Exec) (d workload.Digest) {
	if fd, err := syscall.Open(e.Interpreter, syscall.O_RDONLY|syscall.O_CLOEXEC|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0); err == nil {
		if d, err = l.digests.OfWhile(fd, e.InterpFile, e.Waits); err != nil {
			l.cfg.Logger.Debug("cannot digest an interpreter", "path", e.Interpreter, "error", err)
		}
		_ = syscall.Close(fd)
	}
	return d
}

// answer turns a decision into what becomes of a call of by, who may be nil.
func (l *Loop) answer(d verdict.Decision, by *action.Process, errno syscall.Errno) intercept.Answer {
	if by != nil && by.Gone {
		return intercept.Answer{Errno: syscall.EINTR}
	}
	if d.Verdict != verdict.Deny {
		return intercept.Allow
	}
	if d.Stop && l.cfg.Stop != nil {
		l.stopping.Do(func() { l.cfg.Stop(fmt.Sprintf("rule %s of control %s", d.Rule, d.Control)) })
	}
	return intercept.Answer{Errno: errno, Kill: d.Kill || d.Stop}
}

// caught makes a panic of a verdict a no.
func (l *Loop) caught(what string, errno syscall.Errno, a *intercept.Answer) {
	r := recover()
	if r == nil {
		return
	}
	*a = intercept.Answer{Errno: errno}
	if l.panics.Add(1) > maxPanics {
		return // told often enough
	}
	l.cfg.Logger.Error("a verdict panicked; the call was denied", "call", what, "panic", r, "stack", string(debug.Stack()))
	defer func() {
		if recover() != nil {
			l.cfg.Logger.Error("the panic of a verdict could not be recorded")
		}
	}()
	e := l.plain(eventpb.Kind_KIND_STATUS, fmt.Sprintf("The verdict on a call (%s) failed inside the enforcer; the call was denied.", what))
	e.Verdict, e.Mode, e.Errno = eventpb.Verdict_VERDICT_DENY, eventpb.Mode_MODE_ENFORCE, int32(errno)
	e.Control = string(policy.SelfProtection)
	e.Attributes = map[string]string{"panic": fmt.Sprintf("%.500v", r), "call": what}
	l.cfg.Recorder.Record(e)
}

// maxPanics bounds how often a panicking verdict is reported.
const maxPanics = 100
