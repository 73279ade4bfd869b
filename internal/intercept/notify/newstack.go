package notify

import (
	"bytes"
	"sync"
	"syscall"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/action/indirect"
	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
)

// newStack is what a new program finds on its stack when it begins: nobody
// but us can reach it at the exec stop.
type newStack struct {
	args  []string // within the bounds of package action
	cut   bool
	known bool     // args are
	env   []string // that matter; valid if whole
	base  uint64   // AT_BASE, where the dynamic loader lies; valid if whole
	whole bool     // everything was there to be read
}

// maxStack is how much of a new stack is read at once. Longer ones are left
// to /proc, which costs a dozen calls instead of two.
const maxStack = 16 << 10

var stacks = sync.Pool{New: func() any { return new([maxStack]byte) }}

// readStack reads the stack of the task that stopped at its exec. The kernel
// lays it out, from the stack pointer up: argc, argv, NULL, envp, NULL, the
// auxiliary vector, and the strings.
func (a *attempt) readStack() (n newStack) {
	if a.stackNow(&n) {
		return n
	}
	return a.argumentsNow()
}

// argumentsNow is what /proc shows of the arguments, at any time.
func (a *attempt) argumentsNow() newStack {
	args, cut, err := procfs.Cmdline(a.tid, action.MaxArgs, action.MaxArgBytes)
	return newStack{args: args, cut: cut, known: err == nil && len(args) > 0}
}

func (a *attempt) stackNow(n *newStack) bool {
	var regs linux.Regs
	if linux.GetRegs(a.tid, &regs) != nil {
		return false // of another ABI, or nobody can be traced
	}
	buf := stacks.Get().(*[maxStack]byte)
	defer stacks.Put(buf)
	got, err := a.readNew(regs.SP(), buf[:])
	return err == nil && n.parse(regs.SP(), buf[:got], a.wants.Env)
}

// readNew reads the memory of the stopped task as far as it goes.
func (a *attempt) readNew(at uint64, b []byte) (int, error) {
	if a.s.power.vmRead.Load() {
		n, err := linux.ReadMem(a.tid, b, uintptr(at))
		if err == nil {
			return n, nil
		}
	}
	fd := -1
	err := a.s.power.as(a.tid, func() (err error) {
		fd, err = linux.OpenAt(linux.AtFDCWD, procfs.Path(a.tid, "mem"), syscall.O_RDONLY)
		return err
	})
	if err != nil {
		return 0, err
	}
	defer linux.Close(fd)
	return linux.Pread(fd, b, int64(at))
}

// parse reads what lies at sp. false: something lies beyond b, or it is no
// stack as the kernel makes it.
func (n *newStack) parse(sp uint64, b []byte, env bool) bool {
	if len(b) < 8 {
		return false
	}
	argc := word(b)
	at := 8
	next := func() (w uint64, ok bool) {
		if at+8 > len(b) {
			return 0, false
		}
		w = word(b[at:])
		at += 8
		return w, true
	}
	text := func(p uint64) ([]byte, bool) {
		if p < sp || p-sp >= uint64(len(b)) {
			return nil, false
		}
		s := b[p-sp:]
		i := bytes.IndexByte(s, 0)
		return s[:max(i, 0)], i >= 0
	}
	total := 0
	for i := uint64(0); ; i++ {
		p, ok := next()
		if !ok || p == 0 != (i == argc) {
			return false
		}
		if p == 0 {
			break
		}
		s, ok := text(p)
		if !ok {
			return false
		}
		if total += len(s) + 1; len(n.args) == action.MaxArgs || total > action.MaxArgBytes {
			n.cut = true
			continue
		}
		n.args = append(n.args, string(s))
	}
	for {
		p, ok := next()
		if !ok {
			return false
		}
		if p == 0 {
			break
		}
		if !env {
			continue
		}
		s, ok := text(p)
		if !ok {
			return false
		}
		if indirect.Interesting(upTo(s)) {
			n.env = append(n.env, string(s))
		}
	}
	for {
		key, ok := next()
		value, more := next()
		if !ok || !more {
			return false
		}
		switch key {
		case 0: // AT_NULL
			n.known, n.whole = len(n.args) > 0, true
			return true
		case atBase:
			n.base = value
		}
	}
}
