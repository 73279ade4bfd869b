package seccomp

import (
	"sort"

	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/seccomp/rules"
)

// call is a system call and its number.
type call struct {
	name string
	nr   uint16
}

// MaxCall is one more than the highest number that a CallSet holds. Numbers
// from there on are counted with it.
const MaxCall = 1024

// CallSet is a set of system calls of this architecture, by number.
type CallSet [MaxCall / 64]uint64

// Add puts a number into the set.
func (c *CallSet) Add(nr int) {
	if nr >= 0 && nr < MaxCall {
		c[nr/64] |= 1 << (nr % 64)
	}
}

// Has says that a number is in the set; those beyond it are if the last is.
func (c *CallSet) Has(nr int) bool {
	nr = min(nr, MaxCall-1)
	return nr >= 0 && c[nr/64]&(1<<(nr%64)) != 0
}

// Empty says that nothing is in the set.
func (c *CallSet) Empty() bool { return *c == CallSet{} }

// CallNumber gives the number of any system call of this architecture.
func CallNumber(name string) (nr int, ok bool) {
	list := calls()
	i := sort.Search(len(list), func(i int) bool { return list[i].name >= name })
	if i < len(list) && list[i].name == name {
		return int(list[i].nr), true
	}
	return 0, false
}

// CallNames lists every system call of this architecture with its number.
func CallNames(each func(name string, nr int)) {
	for _, c := range calls() {
		each(c.name, int(c.nr))
	}
}

// Essential are the calls that starting and ending any program needs, and the
// helper that puts the filter on before anybody can answer for it: no list of
// a policy reaches them.
var Essential = []string{
	"read", "write", "close", "mmap", "munmap", "mprotect", "madvise", "brk", "futex", "execve", "exit", "exit_group", "rt_sigreturn",
	"restart_syscall", "rt_sigprocmask", "rt_sigaction", "sigaltstack", "sched_yield", "getpid", "gettid", "tgkill", "nanosleep", "clock_nanosleep",
	"clock_gettime", "gettimeofday", "epoll_pwait",
}

// Reachable leaves out of a set what no list of a policy reaches: essential
// calls, and those that the filter refuses for everybody.
func Reachable(c CallSet) CallSet {
	drop := func(nr int) {
		if nr >= 0 && nr < MaxCall {
			c[nr/64] &^= 1 << (nr % 64)
		}
	}
	for _, n := range Essential {
		if nr, ok := CallNumber(n); ok {
			drop(nr)
		}
	}
	for _, r := range rules.Rules {
		if nr, ok := Number(r.Syscall); ok && r.Action == rules.Refuse && len(r.Conds) == 0 {
			drop(nr)
		}
	}
	return c
}

// Always says that the filter notifies a call whatever its arguments are, by
// the table.
func Always(nr int) bool {
	for _, r := range rules.Rules {
		if n, ok := Number(r.Syscall); ok && n == nr && r.Action == rules.Notify && len(r.Conds) == 0 {
			switch r.Syscall {
			case "clone", "fork", "vfork":
				return false // the plain ones are the kernel's (Arms.Forks)
			}
			return true
		}
	}
	return false
}

// chunk is how many ranges lie behind one comparison.
const chunk = 12

// listed notifies the calls of a set, in front of everything that allows.
//
//	ld arch; native? no: end
//	ld nr
//	for each chunk of ranges: nr > its last? next chunk
//	    for each range: nr >= first and nr <= last? notify
//	    end
func listed(set CallSet, arch uint32) []linux.SockFilter {
	type span struct{ lo, hi uint32 }
	var spans []span
	for nr := 0; nr < MaxCall; nr++ {
		if !set.Has(nr) {
			continue
		}
		if n := len(spans); n > 0 && spans[n-1].hi == uint32(nr)-1 {
			spans[n-1].hi = uint32(nr)
		} else {
			spans = append(spans, span{uint32(nr), uint32(nr)})
		}
	}
	if len(spans) == 0 {
		return nil
	}
	if last := &spans[len(spans)-1]; last.hi == MaxCall-1 {
		last.hi = 0x3fffffff // above are other ABIs, which the filter refuses
	}
	out := []linux.SockFilter{{Code: ldAbs, K: offArch}, {Code: jmpJEQ, JT: 1, K: arch}, {Code: jmpJA}, {Code: ldAbs, K: offNR}}
	exits := []int{2}
	for len(spans) > 0 {
		part := spans[:min(len(spans), chunk)]
		spans = spans[len(part):]
		out = append(out, linux.SockFilter{Code: jmpJGT, JF: 1, K: part[len(part)-1].hi}, linux.SockFilter{Code: jmpJA, K: uint32(3*len(part) + 1)})
		for _, s := range part {
			out = append(out,
				linux.SockFilter{Code: jmpJGE, JF: 2, K: s.lo},
				linux.SockFilter{Code: jmpJGT, JT: 1, K: s.hi},
				linux.SockFilter{Code: ret, K: retNotify})
		}
		exits = append(exits, len(out))
		out = append(out, linux.SockFilter{Code: jmpJA})
	}
	for _, i := range exits {
		out[i].K = uint32(len(out) - i - 1)
	}
	return out
}
