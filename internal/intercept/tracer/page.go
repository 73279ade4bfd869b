package tracer

import (
	"errors"
	"strconv"
	"strings"
	"syscall"

	"github.com/limpet-security/limpet/internal/intercept/notify"
	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
	"github.com/limpet-security/limpet/internal/kernel/seccomp"
)

// Where the page stands in every process, and what it holds. It ends where
// gVisor keeps a table of its own in each process.
const (
	pageAt   = 0x10000
	pageTop  = 0x60000
	pageSize = pageTop - pageAt
)

// classes are the sizes of slots: for addresses, messages, and long vectors.
var classes = [...]struct{ size, count int }{{128, 1024}, {1 << 10, 64}, {32 << 10, 4}}

// slot is a part of the page.
type slot struct{ class, at, size int }

// page is the memory from which the kernel reads what was judged.
type page struct {
	id    int
	mem   []byte // our mapping; nil: there is none
	errno syscall.Errno
	spare [len(classes)][]int // offsets of free slots
}

func (p *page) open() error {
	id, mem, err := linux.Segment(pageSize)
	if err == nil {
		// The lowest mappings may be closed to us: this process knows as well as
		// any other.
		var at uint64
		if at, err = linux.AttachSegment(id, pageAt, linux.ShmReadOnly); err == nil {
			linux.DetachSegment(at)
			if at != pageAt {
				err = syscall.ENOMEM
			}
		}
		if err != nil {
			linux.ReleaseSegment(mem)
		}
	}
	if err != nil {
		p.errno = syscall.ENOSYS
		errors.As(err, &p.errno)
		return err
	}
	p.id, p.mem = id, mem
	at := 0
	for i, c := range classes {
		for range c.count {
			p.spare[i] = append(p.spare[i], at)
			at += c.size
		}
	}
	return nil
}

func (p *page) guard() *seccomp.Page {
	if p.mem == nil {
		return nil
	}
	return &seccomp.Page{ID: p.id, Top: pageTop}
}

func (p *page) close() {
	if p.mem != nil {
		linux.ReleaseSegment(p.mem)
	}
}

// take gives a slot for n bytes, of a larger class if need be; false: none is
// free, or it is too much.
func (p *page) take(n int) (slot, bool) {
	for i, c := range classes {
		if free := p.spare[i]; n <= c.size && len(free) > 0 {
			p.spare[i] = free[:len(free)-1]
			return slot{i, free[len(free)-1], c.size}, true
		}
	}
	return slot{}, false
}

func (p *page) free(s slot) { p.spare[s.class] = append(p.spare[s.class], s.at) }

// onCopy lets the kernel read the judged copy; false: the task was resumed.
func (t *Tracer) onCopy(k *task, r *linux.Regs, s *notify.Stopped, c *notify.Copy) bool {
	if t.page.mem == nil {
		return true // status says that such a control only looks
	}
	part, ok := t.page.take(c.Size)
	if !ok {
		t.skip(k, r, notify.Response{Errno: syscall.ENOBUFS})
		return false
	}
	base := uint64(pageAt + part.at)
	c.Fill(base, t.page.mem[part.at:part.at+c.Size])
	args := s.Args
	c.Args(base, &args)
	k.saved, k.slot, k.done, k.after, k.entry = *r, part, c.Done, restore, t.entryLater
	nr := s.NR
	if c.Call != 0 {
		nr = c.Call
	}
	if linux.SetCall(k.tid, r, nr, args) != nil {
		t.release(k) // killed
	}
	return true
}

// attach puts the page into a process that is about to make a call that may
// need it: shmat takes the call's place, and then the call is made.
func (t *Tracer) attach(k *task, r *linux.Regs) {
	k.saved, k.after, k.entry = *r, attached, t.entryLater
	args := [6]uint64{uint64(t.page.id), pageAt, linux.ShmReadOnly}
	if linux.SetCall(k.tid, r, syscall.SYS_SHMAT, args) != nil {
		t.release(k) // killed
	}
	t.resume(k, 0)
}

// attachedNow makes the call again for which the page was needed, or refuses
// it when the page could not be had.
func (t *Tracer) attachedNow(k *task, r *linux.Regs) {
	nr, args := k.saved.NR(), k.saved.Args()
	ok := r.Result() == pageAt || t.hasPage(k.tid)
	k.space.attached = ok
	back := k.saved
	if ok {
		back.Again(nr)
		back.SetArgs(args)
	} else {
		t.cfg.Logger.Warn("a call was refused: its process has no room for judged memory", "pid", k.tid, "result", r.Result())
		back.SetResult(-int64(syscall.EPERM))
	}
	_ = linux.SetRegs(k.tid, &back)
	t.release(k)
	t.resume(k, 0)
}

// hasPage says whether our segment is what stands at the page's address.
func (t *Tracer) hasPage(tid int) bool {
	b, _, err := procfs.ReadFile(procfs.Path(tid, "maps"), procfs.MaxMaps)
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) < 6 || !strings.HasPrefix(f[0], strconv.FormatUint(pageAt, 16)+"-") && !strings.HasPrefix(f[0], "00010000-") {
			continue
		}
		return f[1][:2] == "r-" && f[4] == strconv.Itoa(t.page.id) && strings.HasPrefix(f[5], "/SYSV")
	}
	return false
}
