package seccomp

import (
	_ "embed" // the programs
	"encoding/binary"
	"fmt"
	"sort"
	"syscall"

	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/seccomp/rules"
)

//go:embed filter_amd64.bpf
var filterAMD64 []byte

//go:embed filter_arm64.bpf
var filterARM64 []byte

// Number gives this architecture's number of a call that the tables name; ok
// is false where the architecture has no such call.
func Number(name string) (nr int, ok bool) {
	if nr, ok = numbers()[name]; !ok {
		nr, ok = armed[name]
	}
	return nr, ok
}

// Names lists the calls of the tables that this architecture has.
func Names() []string {
	out := make([]string, 0, len(numbers()))
	for n := range numbers() {
		out = append(out, n)
	}
	sort.Strings(out)
	return out
}

// Start is what a start adds to the embedded filter.
type Start struct {
	Protect []int // pids; calls that are aimed at them are notified
	// AllSignals notifies every kill and rt_sigqueueinfo, because they reach a
	// process by any of its thread ids, which are not known beforehand: where
	// nothing else confines signals.
	AllSignals bool
	Group      int // our process group, with AllSignals: nobody else may join it
	Arms       Arms
}

// Program gives the filter with the per-start part in front.
func Program(s Start) ([]linux.SockFilter, error) {
	base, err := decode(embedded())
	if err != nil {
		return nil, err
	}
	head := append(listed(s.Arms.Calls, auditArch), hot(numbers(), auditArch, s.Arms)...)
	if s.AllSignals {
		head = append(head, signals(numbers(), auditArch, s.Group)...)
	}
	if !s.Arms.Forks {
		head = append(head, forks(numbers(), auditArch)...)
	}
	head = append(head, files(numbers(), auditArch, s.Arms)...)
	if s.Arms.Receives {
		head = append(head, receives(auditArch)...)
	}
	head = append(head, maps(numbers(), auditArch, s.Arms)...)
	if s.Arms.Accepts {
		head = append(head, accepts(auditArch)...)
	}
	head = append(head, targets(numbers(), auditArch, s.Protect)...)
	return append(head, base...), nil
}

// forks lets plain forks happen: fork, vfork, and clone without a namespace, a
// shared descriptor table or a thread in its flags. A child that shares memory
// with a parent that runs on is not plain either.
//
//	ld arch; native? no: end
//	ld nr;   fork, vfork: allow; clone? no: end
//	ld flags (low half); one of plainMask? end
//	CLONE_VM without CLONE_VFORK? end : allow
func forks(nrs map[string]int, arch uint32) []linux.SockFilter {
	number := func(name string) uint32 {
		if nr, ok := nrs[name]; ok {
			return uint32(nr)
		}
		return ^uint32(0) // no such call here: matches nothing
	}
	return []linux.SockFilter{
		{Code: ldAbs, K: offArch},
		{Code: jmpJEQ, JF: 9, K: arch},
		{Code: ldAbs, K: offNR},
		{Code: jmpJEQ, JT: 6, K: number("fork")},
		{Code: jmpJEQ, JT: 5, K: number("vfork")},
		{Code: jmpJEQ, JF: 5, K: number("clone")},
		{Code: ldAbs, K: offArgs},
		{Code: jmpJSET, JT: 3, K: plainMask},
		{Code: jmpJSET, JF: 1, K: syscall.CLONE_VM},
		{Code: jmpJSET, JF: 1, K: syscall.CLONE_VFORK},
		{Code: ret, K: retAllow},
	}
}

// plainMask are the flags of clone that somebody wants to know of: CLONE_FILES,
// CLONE_THREAD, CLONE_UNTRACED, and CLONE_NEW* (NS, CGROUP, UTS, IPC, USER, PID, NET;
// clone's low byte is the exit signal, so TIME cannot be asked for with it).
const plainMask = 0x00000400 | 0x00010000 | 0x00020000 | 0x00800000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000

func decode(b []byte) ([]linux.SockFilter, error) {
	if len(b) == 0 || len(b)%8 != 0 {
		return nil, fmt.Errorf("cannot read the embedded filter: %d bytes", len(b))
	}
	out := make([]linux.SockFilter, 0, len(b)/8)
	for ; len(b) > 0; b = b[8:] {
		out = append(out, linux.SockFilter{
			Code: binary.LittleEndian.Uint16(b),
			JT:   b[2],
			JF:   b[3],
			K:    binary.LittleEndian.Uint32(b[4:]),
		})
	}
	return out, nil
}

// Classic BPF and seccomp_data, as used below.
const (
	ldAbs   = 0x20 // A = data[k:4]
	jmpJA   = 0x05 // pc += k
	jmpJEQ  = 0x15 // A == k
	jmpJSET = 0x45 // A & k
	jmpJGT  = 0x25 // A > k
	ret     = 0x06

	offNR   = 0
	offArch = 4
	offArgs = 16

	retNotify = 0x7fc00000
	retAllow  = 0x7fff0000
)

// Numbers that the tables do not name.
const (
	setSig      = 10 // F_SETSIG
	sigKill     = 9
	sigStop     = 19
	retEPERM    = 0x00050001
	archAMD64   = 0xc000003e
	fcntlAMD64  = 72
	fcntlOthers = 25
)

// signals is in front where nothing confines signals. It notifies the calls
// that signal a process by any thread id, and those that join our process
// group, and refuses a descriptor that would kill or stop its owner, who can be
// anybody.
func signals(nrs map[string]int, arch uint32, group int) []linux.SockFilter {
	if group == 0 {
		group = -1 // led by a process outside our pid namespace: nobody here can name it
	}
	fcntl := uint32(fcntlOthers)
	if arch == archAMD64 {
		fcntl = fcntlAMD64
	}
	return []linux.SockFilter{
		{Code: ldAbs, K: offArch},
		{Code: jmpJEQ, JF: 17, K: arch}, // to the end
		{Code: ldAbs, K: offNR},
		{Code: jmpJEQ, JT: 14, K: uint32(nrs["kill"])}, // to notify
		{Code: jmpJEQ, JT: 13, K: uint32(nrs["rt_sigqueueinfo"])},
		{Code: jmpJEQ, JT: 2, K: fcntl},
		{Code: jmpJEQ, JT: 8, K: uint32(nrs["setpgid"])},
		{Code: jmpJA, K: 11},
		// fcntl
		{Code: ldAbs, K: offArgs + 8},
		{Code: jmpJEQ, JT: 0, JF: 9, K: setSig},
		{Code: ldAbs, K: offArgs + 16},
		{Code: jmpJEQ, JT: 2, K: sigKill},
		{Code: jmpJEQ, JT: 1, K: sigStop},
		{Code: jmpJA, K: 5},
		{Code: ret, K: retEPERM},
		// setpgid
		{Code: ldAbs, K: offArgs + 8},
		{Code: jmpJEQ, JT: 1, K: uint32(group)},
		{Code: jmpJA, K: 1},
		{Code: ret, K: retNotify},
	}
}

// targets is the per-start block. Its layout, for each call:
//
//	jeq nr, next, skip
//	ld  args[i] (low half; pids are int)
//	jeq pid... -> ret notify
//	ja  end
//
// and for those that also take thread ids:
//
//	jeq nr, next, skip
//	ld  args[i]
//	jeq 0 -> end
//	ret notify
//
// It leaves the architecture test to the program behind it: a foreign call
// whose number happens to match is notified or refused, never allowed.
func targets(nrs map[string]int, arch uint32, protect []int) []linux.SockFilter {
	if len(protect) == 0 {
		return nil
	}
	var out []linux.SockFilter
	ins := func(code uint16, jt, jf uint8, k uint32) {
		out = append(out, linux.SockFilter{Code: code, JT: jt, JF: jf, K: k})
	}
	var exits []int // indexes of jumps to the end
	ins(ldAbs, 0, 0, offArch)
	ins(jmpJEQ, 1, 0, arch)
	exits = append(exits, len(out))
	ins(jmpJA, 0, 0, 0)
	ins(ldAbs, 0, 0, offNR)
	n := uint8(len(protect))
	for _, t := range rules.TargetRules {
		nr, ok := nrs[t.Syscall]
		if !ok {
			continue
		}
		if t.Any {
			ins(jmpJEQ, 0, 4, uint32(nr))
			ins(ldAbs, 0, 0, offArgs+8*uint32(t.Arg))
			ins(jmpJEQ, 0, 1, 0)
			exits = append(exits, len(out))
			ins(jmpJA, 0, 0, 0)
			ins(ret, 0, 0, retNotify)
			continue
		}
		ins(jmpJEQ, 0, n+3, uint32(nr))
		ins(ldAbs, 0, 0, offArgs+8*uint32(t.Arg))
		for i, pid := range protect {
			ins(jmpJEQ, n-uint8(i), 0, uint32(pid))
		}
		exits = append(exits, len(out))
		ins(jmpJA, 0, 0, 0)
		ins(ret, 0, 0, retNotify)
	}
	for _, i := range exits {
		out[i].K = uint32(len(out) - i - 1)
	}
	return out
}
