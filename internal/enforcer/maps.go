package enforcer

import (
	"errors"
	"fmt"
	"sync"
	"syscall"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/drift"
	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/verdict"
	"github.com/limpet-security/limpet/internal/workload"
)

// libraries remembers, for one policy, which files were found to be the
// image's when they were mapped, by identity as drift.Digests does.
type libraries struct {
	mu     sync.RWMutex
	policy *Policies
	image  map[action.File]struct{}
	told   map[int]string // by process: what was reported and let through before the call
}

// maxLibraries bounds each of the two.
const maxLibraries = 8192

// MapKnown implements intercept.Judge.
func (l *Loop) MapKnown(f action.File) bool {
	p := l.current.Load()
	if p.Engine == nil {
		return false
	}
	if !p.Engine.Needs().Maps {
		return true
	}
	l.libs.mu.RLock()
	defer l.libs.mu.RUnlock()
	if l.libs.policy != p {
		return false
	}
	_, ok := l.libs.image[f]
	return ok
}

// Map implements intercept.Judge.
func (l *Loop) Map(m *action.Map) (a intercept.Answer) {
	defer l.caught("map", syscall.EPERM, &a)
	p := l.current.Load()
	m.Digest, m.Origin = workload.Digest{}, action.OriginUnknown
	if n := p.Engine.Needs(); n.Maps && n.Digest && m.FD >= 0 && m.File.Mode&syscall.S_IFMT == syscall.S_IFREG {
		d, err := l.digests.OfWhile(m.FD, m.File, m.Waits)
		if errors.Is(err, drift.ErrLeft) {
			return intercept.Answer{Errno: syscall.EINTR}
		}
		if err != nil {
			l.cfg.Logger.Debug("cannot digest a library", "path", m.Path, "error", err)
		}
		m.Digest = d
	}
	if l.cfg.Manifest != nil && (m.Kind == action.MapFile || m.Kind == action.MapModified) {
		m.Origin = l.cfg.Manifest.Origin(m.Path, m.Digest)
	}
	d := p.Engine.Map(m)
	if d.Verdict == verdict.Allow {
		if m.Kind == action.MapFile && m.Origin == action.OriginImage && !m.Writable && !m.Late && l.digests.Settled(m.File) {
			l.remember(p, m.File)
		}
		return intercept.Allow
	}
	a = l.answer(d, m.Proc, syscall.EPERM)
	if a != intercept.Allow && m.Late {
		a.Kill = true
	}
	if a != intercept.Allow || !l.told(m) {
		l.reportMap(p, d, m, a)
	}
	return a
}

func (l *Loop) remember(p *Policies, f action.File) {
	l.libs.mu.Lock()
	if l.libs.policy != p || len(l.libs.image) >= maxLibraries {
		l.libs.policy, l.libs.image = p, map[action.File]struct{}{}
	}
	l.libs.image[f] = struct{}{}
	l.libs.mu.Unlock()
}

// told says that the look after a call finds what the look before it has
// reported, in audit mode.
func (l *Loop) told(m *action.Map) bool {
	if m.Proc == nil {
		return false
	}
	what := fmt.Sprint(m.Kind, m.Path, m.File.Ino)
	l.libs.mu.Lock()
	defer l.libs.mu.Unlock()
	if m.Late {
		return l.libs.told[m.Proc.PID] == what
	}
	if l.libs.told == nil || len(l.libs.told) >= maxLibraries {
		l.libs.told = map[int]string{}
	}
	l.libs.told[m.Proc.PID] = what
	return false
}

func (l *Loop) reportMap(p *Policies, d verdict.Decision, m *action.Map, a intercept.Answer) {
	file := m.Kind == action.MapFile || m.Kind == action.MapModified
	f := found{p: p, d: d, a: a, kind: eventpb.Kind_KIND_PROCESS, proc: m.Proc, object: m.Syscall + " " + m.Path}
	if file {
		f.kind = eventpb.Kind_KIND_FILE
	}
	f.fill = func(ev *eventpb.Event) {
		ev.Attributes = map[string]string{"syscall": m.Syscall}
		if m.Late {
			ev.Attributes["late"] = "true"
		}
		if m.Unverified {
			ev.Attributes["unverified"] = "true"
		}
		if !file {
			ev.Object = &eventpb.Event_Call{Call: &eventpb.CallObject{Syscall: m.Syscall, Detail: mapDetail(m)}}
			return
		}
		o := &eventpb.FileObject{
			Path: m.Path, Digest: m.Digest.String(), Dev: m.File.Dev, Ino: m.File.Ino, Mode: m.File.Mode, Origin: originName(m.Origin), Fileless: m.Fileless,
		}
		if m.Origin == action.OriginModified {
			if e, ok := l.cfg.Manifest.Lookup(m.Path); ok {
				o.ExpectedDigest = e.Digest.String()
			}
		}
		ev.Object = &eventpb.Event_File{File: o}
	}
	l.report(f)
}

func mapDetail(m *action.Map) string {
	s := map[action.MapKind]string{action.MapAnonymous: "anonymous memory", action.MapShared: "a shared segment", action.MapAll: "READ_IMPLIES_EXEC"}[m.Kind]
	if m.Writable && m.Kind != action.MapAll {
		s += ", writable and executable"
	} else if m.Kind != action.MapAll {
		s += ", executable"
	}
	return s
}
