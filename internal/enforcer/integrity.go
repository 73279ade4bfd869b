package enforcer

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/event"
	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/verdict"
	"github.com/limpet-security/limpet/internal/workload"
)

// integrity reports changes of files with the digest before and after. The
// one before is taken when a file is opened for writing for the first time.
// Nobody tells when the writer is done, so the one after is taken when the
// file has been quiet for a while, and again if it changes later, for as long
// as there is room to remember it.
type integrity struct {
	l *Loop

	mu    sync.Mutex
	files map[string]*change // by canonical path
	// hasty counts the changes that were reported at once, without a digest
	// after, because too many others were being watched.
	hasty uint64
}

// Bounds of watching.
const (
	maxChanges  = 1024     // files
	maxDigested = 32 << 20 // bytes of a file that is hashed
	quiet       = time.Second
	patience    = 10 * time.Second // a file that never rests is reported as it is
	recheck     = 5 * time.Second
)

// change is one file that was opened for writing.
type change struct {
	event  *eventpb.Event // without its end
	before workload.Digest
	seen   action.File // when last looked at
	count  uint64      // opens since the last report
	made   bool        // it did not exist before
	sure   bool        // it was made by us, not let through to be made
	first  time.Time   // of what is not reported yet
	last   time.Time
	next   time.Time // when to look again; zero: due at its quiet
}

// note is what is kept of an operation until it has succeeded.
type note struct {
	p      *Policies
	d      verdict.Decision
	before workload.Digest
	detail string
	above  []ancestor // of who does it, who may be gone when it has succeeded
}

// before is asked about an operation that is about to happen.
func (i *integrity) before(p *Policies, d verdict.Decision, o *action.FileOp) {
	n := &note{p: p, d: d}
	o.Note = n
	i.mu.Lock()
	counted := i.files[o.Path] != nil && i.files[o.Path].count > 0
	i.mu.Unlock()
	if !counted && o.Proc != nil {
		n.above = i.l.lineage.above(o.Proc.PPID)
	}
	const takes = action.FileModify | action.FileDelete | action.FileMove | action.FileRead | action.FileCreate
	if o.FD < 0 || o.Access&takes == 0 || !o.Regular() {
		return
	}
	i.mu.Lock()
	c := i.files[o.Path]
	known := c != nil && c.seen == o.File && !c.before.IsZero()
	if known {
		n.before = c.before
	}
	i.mu.Unlock()
	if !known {
		if o.Slow != nil {
			o.Slow()
		}
		n.before, n.detail = i.digest("/proc/self/fd/"+strconv.Itoa(o.FD), o.File, false)
	}
}

// digest reads a file; why says what stands in the way. With flush a write
// through a mapping that comes later changes ctime, whatever was written through
// it before: the kernel notices the first write to a clean page only (and on
// tmpfs, which has nothing to write back to, none after that).
func (i *integrity) digest(path string, f action.File, flush bool) (d workload.Digest, why string) {
	if f.Size > maxDigested {
		return d, fmt.Sprintf("larger than %d MiB: not hashed", maxDigested>>20)
	}
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	if err != nil {
		return d, "could not be read: " + err.Error()
	}
	defer syscall.Close(fd)
	if flush {
		_ = syscall.Fdatasync(fd)
	}
	if d, err = i.l.digests.Of(fd, f); err != nil {
		return workload.Digest{}, "could not be hashed: " + err.Error()
	}
	return d, ""
}

// done is told of an operation that has succeeded.
func (i *integrity) done(o *action.FileOp) {
	n, ok := o.Note.(*note)
	if !ok {
		return
	}
	const content = action.FileModify | action.FileCreate
	if o.Access&content == 0 || o.Dir() || o.Path == "" || o.Other != "" || o.File.Ino != 0 && !o.Regular() {
		// What there is to tell is known already: a name that came or went, an
		// attribute, a read.
		i.tell(n, o)
		return
	}
	now := i.l.cfg.Now()
	i.mu.Lock()
	c := i.files[o.Path]
	if c == nil {
		if len(i.files) >= maxChanges && !i.evict() {
			i.hasty++
			i.mu.Unlock()
			n.detail = "not watched for its end: too many files are being changed"
			i.tell(n, o)
			return
		}
		c = &change{before: n.before, made: o.Access&action.FileCreate != 0, sure: o.File.Ino != 0, seen: o.File}
		i.files[o.Path] = c
	}
	defer i.mu.Unlock()
	if c.count == 0 {
		c.first = now
		c.event = i.l.fileEvent(n, o)
	}
	c.count++
	c.last, c.next = now, now.Add(quiet)
}

// evict forgets a file that has nothing to report. The caller holds mu.
func (i *integrity) evict() bool {
	for path, c := range i.files {
		if c.count == 0 {
			delete(i.files, path)
			return true
		}
	}
	return false
}

// tell reports an operation with what is known of it now.
func (i *integrity) tell(n *note, o *action.FileOp) {
	l := i.l
	object := fileKey(o) + " " + n.before.String()
	l.report(found{p: n.p, d: n.d, kind: eventpb.Kind_KIND_FILE, proc: o.Proc, above: n.above, object: object,
		fill: func(ev *eventpb.Event) {
			f := fileObject(o)
			f.DigestBefore = digestText(n.before)
			if o.Access&action.FileCreate != 0 { // by a rename or link: the content is the same
				f.DigestAfter, f.DigestBefore = f.DigestBefore, ""
			}
			if n.detail != "" {
				f.Detail = join(f.Detail, n.detail)
			}
			ev.Object = &eventpb.Event_File{File: f}
		}})
}

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}

func digestText(d workload.Digest) string {
	if d.IsZero() {
		return ""
	}
	return d.String()
}

// fileEvent is an event without its end: who did it is gone later.
func (l *Loop) fileEvent(n *note, o *action.FileOp) *eventpb.Event {
	e := l.plain(eventpb.Kind_KIND_FILE, "")
	e.Verdict, e.Mode = verdictOf(n.d.Verdict), modeOf(n.d.Mode)
	e.Control, e.Rule, e.Policy = string(n.d.Control), string(n.d.Rule), n.d.Policy
	e.BundleEpoch, e.BundleNumber = n.p.Epoch, n.p.Number
	if o.Proc != nil {
		e.Process = l.process(o.Proc)
		above := n.above
		if above == nil {
			above = l.lineage.above(o.Proc.PPID)
		}
		for _, a := range above {
			e.Ancestors = append(e.Ancestors, l.ancestor(a))
		}
	}
	f := fileObject(o)
	f.DigestBefore = digestText(n.before)
	f.Detail = join(f.Detail, n.detail)
	e.Object = &eventpb.Event_File{File: f}
	return e
}

// sweep looks at the files that are due; with all, at every one that has
// something to report, whether it rests or not.
func (i *integrity) sweep(now time.Time, all bool) {
	var due []string
	i.mu.Lock()
	for path, c := range i.files {
		if all && c.count > 0 || !all && !now.Before(c.next) {
			due = append(due, path)
		}
	}
	i.mu.Unlock()
	for _, path := range due {
		i.look(path, now, all)
	}
}

// look reports what became of one file.
func (i *integrity) look(path string, now time.Time, all bool) {
	info, err := os.Lstat(path)
	var f action.File
	if err == nil {
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			f = statFile(st)
		}
	}
	i.mu.Lock()
	c := i.files[path]
	if c == nil {
		i.mu.Unlock()
		return
	}
	moved := f != c.seen
	if moved {
		c.seen = f
		if c.first.IsZero() {
			c.first = now
		}
		if !all && err == nil && now.Sub(c.first) < patience {
			c.next = now.Add(quiet) // not at rest
			i.mu.Unlock()
			return
		}
	}
	changed := c.count > 0 || !c.first.IsZero()
	before := c.before
	i.mu.Unlock()
	if !changed {
		i.mu.Lock()
		c.next = now.Add(recheck)
		i.mu.Unlock()
		return
	}
	var after workload.Digest
	why := ""
	switch {
	case err != nil:
		why = "gone again"
	case f.Mode&syscall.S_IFMT == syscall.S_IFREG:
		after, why = i.digest(path, f, true)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	e, count := c.event, max(c.count, 1)
	made := c.made
	c.before, c.count, c.made, c.first = after, 0, false, time.Time{}
	c.next = now.Add(recheck)
	if err != nil {
		delete(i.files, path)
	}
	switch {
	case e == nil, !made && err == nil && after == before && !after.IsZero():
		return // it was opened, and nothing else
	case made && err != nil && !c.sure:
		return // the kernel did not make it
	}
	e = clone(e)
	e.Id = newID()
	o := e.GetFile()
	o.DigestBefore, o.DigestAfter = digestText(before), digestText(after)
	if made {
		o.DigestBefore = ""
	}
	if why != "" {
		o.Detail = join(o.Detail, why)
	}
	if f.Ino != 0 {
		o.Dev, o.Ino, o.Mode = f.Dev, f.Ino, f.Mode
	}
	e.Count, e.LastObservedAtNs = count, max(c.last.UnixNano(), e.ObservedAtNs)
	e.Attributes = map[string]string{"size": strconv.FormatInt(f.Size, 10), "opened": strconv.FormatUint(count, 10)}
	i.l.violations.Add(count)
	e.Technique = event.Technique(policy.FileIntegrity)
	e.Reason = event.Reason(e)
	event.Bound(e)
	i.l.cfg.Recorder.Record(e)
}

func statFile(st *syscall.Stat_t) action.File {
	return action.File{
		Dev: uint64(st.Dev), Ino: st.Ino, Size: st.Size, MtimeNs: st.Mtim.Nano(), CtimeNs: st.Ctim.Nano(),
		Mode: st.Mode, UID: st.Uid, GID: st.Gid, Nlink: uint32(st.Nlink),
	}
}
