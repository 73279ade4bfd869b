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

// Where the page stands in every process, and what it holds: small slots for
// addresses and messages, large ones for long vectors.
const (
	pageAt     = 0x10000
	smallSlot  = 1 << 10
	smallSlots = 1024
	largeSlot  = 32 << 10
	largeSlots = 24
	pageSize   = smallSlot*smallSlots + largeSlot*largeSlots
	pageTop    = pageAt + pageSize
)

// page is the memory from which the kernel reads what was judged.
type page struct {
	id    int
	mem   []byte // our mapping; nil: there is none
	errno syscall.Errno
	small []int // free slots
	large []int
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
	for i := smallSlots - 1; i >= 0; i-- {
		p.small = append(p.small, i)
	}
	for i := largeSlots - 1; i >= 0; i-- {
		p.large = append(p.large, smallSlots+i)
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

// take gives a slot for n bytes; noSlot: none is free, or it is too much.
func (p *page) take(n int) int {
	free := &p.small
	if n > smallSlot {
		free = &p.large
	}
	if n > largeSlot || len(*free) == 0 {
		return noSlot
	}
	slot := (*free)[len(*free)-1]
	*free = (*free)[:len(*free)-1]
	return slot
}

func (p *page) free(slot int) {
	if slot < smallSlots {
		p.small = append(p.small, slot)
		return
	}
	p.large = append(p.large, slot)
}

// offset of a slot.
func offset(slot int) int {
	if slot < smallSlots {
		return slot * smallSlot
	}
	return smallSlots*smallSlot + (slot-smallSlots)*largeSlot
}

// onCopy lets the kernel read the judged copy; false: the task was resumed.
func (t *Tracer) onCopy(k *task, r *linux.Regs, s *notify.Stopped, c *notify.Copy) bool {
	if t.page.mem == nil {
		return true // status says that such a control only looks
	}
	slot := t.page.take(c.Size)
	if slot == noSlot {
		t.skip(k, r, notify.Response{Errno: syscall.ENOBUFS})
		return false
	}
	at := offset(slot)
	base := uint64(pageAt + at)
	c.Fill(base, t.page.mem[at:at+c.Size])
	args := s.Args
	c.Args(base, &args)
	k.saved, k.slot, k.done, k.after, k.entry = *r, slot, c.Done, restore, t.entryLater
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
