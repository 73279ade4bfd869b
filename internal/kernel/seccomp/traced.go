package seccomp

import (
	"fmt"
	"syscall"

	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/seccomp/rules"
)

// Page is memory that an engine on ptrace puts into every process, from which
// the kernel reads what was judged: a SysV segment attached for reading only,
// below everything that a program maps.
type Page struct {
	ID  int    // of the segment
	Top uint64 // nothing may be mapped or unmapped below this address
}

const (
	retTrace = 0x7ff00000
	jmpJGE   = 0x35 // A >= k

	mapFixed          = 0x10
	mapFixedNoReplace = 0x100000
	mremapFixed       = 2

	cloneUntraced = 0x00800000
)

// Traced gives the filter for an engine on ptrace: what Program notifies stops
// the caller for its tracer, and fails with ENOSYS when there is none. The
// address range of the page is closed to the calls that change mappings: they
// answer as if vm.mmap_min_addr were Page.Top. p nil: there is no page. leave
// names calls that the engine does not govern: they are not stopped.
func Traced(s Start, p *Page, leave []string) ([]linux.SockFilter, error) {
	prog, err := Program(s)
	if err != nil {
		return nil, err
	}
	for i := range prog {
		if prog[i].Code == ret && prog[i].K == retNotify {
			prog[i].K = retTrace
		}
	}
	var head []linux.SockFilter
	if p != nil {
		if head, err = p.guard(auditArch); err != nil {
			return nil, err
		}
	}
	head = append(head, left(numbers(), auditArch, leave)...)
	return append(append(head, untraced(numbers(), auditArch)...), prog...), nil
}

// left allows the calls that are only ever notified, of those that are named.
func left(nrs map[string]int, arch uint32, names []string) []linux.SockFilter {
	refused := map[string]bool{}
	for _, r := range rules.Rules {
		refused[r.Syscall] = refused[r.Syscall] || r.Action != rules.Notify
	}
	var out []linux.SockFilter
	for _, n := range names {
		if nr, ok := nrs[n]; ok && !refused[n] {
			out = append(out, linux.SockFilter{Code: jmpJEQ, JF: 1, K: uint32(nr)}, linux.SockFilter{Code: ret, K: retAllow})
		}
	}
	return append([]linux.SockFilter{
		{Code: ldAbs, K: offArch},
		{Code: jmpJEQ, JT: 1, K: arch},
		{Code: jmpJA, K: uint32(len(out) + 1)},
		{Code: ldAbs, K: offNR},
	}, out...)
}

// untraced has the tracer asked about a clone that would hide its child.
func untraced(nrs map[string]int, arch uint32) []linux.SockFilter {
	return []linux.SockFilter{
		{Code: ldAbs, K: offArch},
		{Code: jmpJEQ, JF: 5, K: arch},
		{Code: ldAbs, K: offNR},
		{Code: jmpJEQ, JF: 3, K: uint32(nrs["clone"])},
		{Code: ldAbs, K: offArgs},
		{Code: jmpJSET, JF: 1, K: cloneUntraced},
		{Code: ret, K: retTrace},
	}
}

// block is what is done with one call: instructions that run with its number
// loaded, and that fall through to the next block when nothing applies.
type block struct {
	nr  uint32
	ins []linux.SockFilter
}

// below jumps over the next skip instructions unless argument arg is an
// address below top.
func below(arg uint32, top uint64, skip uint8) []linux.SockFilter {
	return []linux.SockFilter{
		{Code: ldAbs, K: offArgs + 8*arg + 4},
		{Code: jmpJEQ, JF: skip + 2, K: 0},
		{Code: ldAbs, K: offArgs + 8*arg},
		{Code: jmpJGE, JT: skip, K: uint32(top)},
	}
}

func refuse(e syscall.Errno) linux.SockFilter {
	return linux.SockFilter{Code: ret, K: retErrno | uint32(e)}
}

func (p *Page) guard(arch uint32) ([]linux.SockFilter, error) {
	if p.Top == 0 || p.Top >= 1<<31 {
		return nil, fmt.Errorf("cannot guard a page below %#x", p.Top)
	}
	join := func(parts ...[]linux.SockFilter) (out []linux.SockFilter) {
		for _, q := range parts {
			out = append(out, q...)
		}
		return out
	}
	one := func(i linux.SockFilter) []linux.SockFilter { return []linux.SockFilter{i} }
	arg := func(n uint32) linux.SockFilter { return linux.SockFilter{Code: ldAbs, K: offArgs + 8*n} }
	blocks := []block{
		{syscall.SYS_MMAP, join(
			// a hint of 0 is no hint, unless the address is meant
			one(arg(3)), one(linux.SockFilter{Code: jmpJSET, JT: 4, K: mapFixed | mapFixedNoReplace}),
			one(arg(0)), one(linux.SockFilter{Code: jmpJEQ, JF: 2, K: 0}),
			one(linux.SockFilter{Code: ldAbs, K: offArgs + 4}), one(linux.SockFilter{Code: jmpJEQ, JT: 5, K: 0}),
			below(0, p.Top, 1), one(refuse(syscall.EPERM)))},
		{syscall.SYS_MUNMAP, join(below(0, p.Top, 1), one(refuse(syscall.EINVAL)))},
		{syscall.SYS_MREMAP, join(
			below(0, p.Top, 1), one(refuse(syscall.EFAULT)),
			one(arg(3)), one(linux.SockFilter{Code: jmpJSET, JF: 5, K: mremapFixed}),
			below(4, p.Top, 1), one(refuse(syscall.EINVAL)))},
		{syscall.SYS_SHMDT, join(below(0, p.Top, 1), one(refuse(syscall.EINVAL)))},
		{syscall.SYS_SHMCTL, join(
			one(arg(0)), one(linux.SockFilter{Code: jmpJEQ, JF: 1, K: uint32(p.ID)}), one(refuse(syscall.EINVAL)))},
		{syscall.SYS_SHMAT, join(
			// the tracer makes this call itself, in the caller's name
			one(arg(0)), one(linux.SockFilter{Code: jmpJEQ, JF: 1, K: uint32(p.ID)}), one(linux.SockFilter{Code: ret, K: retTrace}),
			one(arg(1)), one(linux.SockFilter{Code: jmpJEQ, JF: 2, K: 0}),
			one(linux.SockFilter{Code: ldAbs, K: offArgs + 8 + 4}), one(linux.SockFilter{Code: jmpJEQ, JT: 5, K: 0}),
			below(1, p.Top, 1), one(refuse(syscall.EINVAL)))},
	}
	var out []linux.SockFilter
	var exits []int
	exit := func() {
		exits = append(exits, len(out))
		out = append(out, linux.SockFilter{Code: jmpJA})
	}
	out = append(out, linux.SockFilter{Code: ldAbs, K: offArch}, linux.SockFilter{Code: jmpJEQ, JT: 1, K: arch})
	exit()
	out = append(out, linux.SockFilter{Code: ldAbs, K: offNR})
	for _, b := range blocks {
		out = append(out, linux.SockFilter{Code: jmpJEQ, JF: uint8(len(b.ins) + 1), K: b.nr})
		out = append(out, b.ins...)
		exit()
	}
	for _, i := range exits {
		out[i].K = uint32(len(out) - i - 1)
	}
	return out, nil
}
