package enforcer

import (
	"strings"
	"syscall"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/verdict"
)

var _ intercept.FileJudge = (*Loop)(nil)

// FileCare implements intercept.FileJudge.
func (l *Loop) FileCare() intercept.FileCare {
	n := l.current.Load().Engine.FileNeeds()
	return l.atLeastWatched(intercept.FileCare{Reads: careOf(n.Reads), Changes: careOf(n.Changes), Memory: careOf(n.Memory)})
}

func careOf(strongest verdict.Verdict) intercept.Care {
	switch strongest {
	case verdict.Audit:
		return intercept.Watched
	case verdict.Deny:
		return intercept.Decided
	}
	return intercept.Ignored
}

// File implements intercept.FileJudge.
func (l *Loop) File(o *action.FileOp) (a intercept.Answer) {
	defer l.caught("file", syscall.EACCES, &a)
	p := l.current.Load()
	d := l.judgeFile(p, o)
	if d.Verdict != verdict.Deny {
		l.observer.file(o)
	}
	if d.Verdict != verdict.Allow {
		a = l.answer(d, o.Proc, fileErrno(d.Control))
		l.reportFile(p, d, o, a)
		if a != intercept.Allow {
			return a
		}
	}
	switch d = p.Engine.Integrity(o); d.Verdict {
	case verdict.Deny:
		a = l.answer(d, o.Proc, fileErrno(d.Control))
		l.reportFile(p, d, o, a)
	case verdict.Audit:
		o.Watch = true
		l.integrity.before(p, d, o)
	}
	return a
}

// FileDone implements intercept.FileJudge.
func (l *Loop) FileDone(o *action.FileOp) {
	var a intercept.Answer
	defer l.caught("file", 0, &a)
	l.integrity.done(o)
}

// fileErrno is what a denied call fails with.
func fileErrno(c policy.ControlID) syscall.Errno {
	switch c {
	case policy.ReadOnlyFiles:
		return syscall.EROFS
	case policy.SystemTampering, policy.FileIntegrity:
		return syscall.EPERM
	}
	return syscall.EACCES
}

// judgeFile judges a file under every name that it is known by, and a folder
// that would be moved with what is in it.
func (l *Loop) judgeFile(p *Policies, o *action.FileOp) verdict.Decision {
	d := p.Engine.File(o)
	if d.Verdict != verdict.Allow || len(p.Engine.FilePatterns()) == 0 {
		return d
	}
	if o.File.Nlink > 1 && o.Regular() {
		name := o.Path
		if o.Slow != nil && !l.links.ready(p.Engine) {
			o.Slow()
		}
		for _, other := range l.links.names(p.Engine, o.File, l.cfg.Logger) {
			if other == name {
				continue
			}
			o.Path = other
			if d = p.Engine.File(o); d.Verdict != verdict.Allow {
				break
			}
		}
		o.Path = name
		return d
	}
	if o.Access&action.FileMove != 0 && o.Dir() && o.Path != "" {
		if o.Slow != nil {
			o.Slow()
		}
		return judgeBelow(p.Engine, o)
	}
	return d
}

func (l *Loop) reportFile(p *Policies, d verdict.Decision, o *action.FileOp, a intercept.Answer) {
	l.report(found{p: p, d: d, a: a, kind: eventpb.Kind_KIND_FILE, proc: o.Proc, object: fileKey(o),
		fill: func(ev *eventpb.Event) { ev.Object = &eventpb.Event_File{File: fileObject(o)} }})
}

func fileKey(o *action.FileOp) string {
	p := o.Path
	if p == "" {
		p = o.Requested
	}
	return operationName(o.Access) + " " + p + "\x00" + o.Other
}

func fileObject(o *action.FileOp) *eventpb.FileObject {
	return &eventpb.FileObject{
		Path: o.Path, Requested: o.Requested, Dev: o.File.Dev, Ino: o.File.Ino, Mode: o.File.Mode, Fileless: o.Path == "",
		Operation: operationName(o.Access), OtherPath: o.Other, Detail: o.Detail, Syscall: o.Syscall,
	}
}

var operationNames = []struct {
	access action.FileAccess
	name   string
}{
	{action.FileRead, "read"}, {action.FileModify, "modify"}, {action.FileAppend, "append"}, {action.FileCreate, "create"},
	{action.FileDelete, "delete"}, {action.FileAttributes, "attributes"}, {action.FileMove, "move"}, {action.FileLink, "link"},
}

// operationName lists what is done; what is only appended is not "modify".
func operationName(a action.FileAccess) string {
	if a&action.FileAppend != 0 {
		a &^= action.FileModify
	}
	var out []string
	for _, n := range operationNames {
		if a&n.access != 0 {
			out = append(out, n.name)
		}
	}
	return strings.Join(out, "+")
}

// CheckVolumes judges what is mounted. It gives the strongest answer: whether
// the workload may run.
func (l *Loop) CheckVolumes(mounts []verdict.Volume) (a intercept.Answer) {
	defer l.caught("volumes", syscall.EACCES, &a)
	p := l.current.Load()
	for i := range mounts {
		v := &mounts[i]
		d := p.Engine.Volume(v)
		if d.Verdict == verdict.Allow {
			continue
		}
		ans := intercept.Allow
		if d.Verdict == verdict.Deny {
			ans = intercept.Answer{Errno: syscall.EACCES, Kill: true}
			a = ans
		}
		l.report(found{p: p, d: d, a: ans, kind: eventpb.Kind_KIND_FILE, object: "volume " + v.Point,
			fill: func(ev *eventpb.Event) {
				ev.Object = &eventpb.Event_File{File: &eventpb.FileObject{
					Path: v.Point, OtherPath: v.Root, Operation: "mount", Detail: "source " + v.Source,
				}}
			}})
	}
	return a
}
