package rules

// Bits of memory calls.
const (
	ProtExec        = 0x4
	MapAnonymous    = 0x20
	MapHugeTLB      = 0x40000
	ShmExec         = 0o100000
	ReadImpliesExec = 0x0400000
)

// Maps are the calls that make memory executable, and those of the clock.
// Those with PROT_EXEC are dear to notify and wait for their arms.
var Maps = []Rule{
	{Syscall: "mmap", Conds: []Cond{{Arg: 2, Op: Masked, Mask: ProtExec, Value: ProtExec}}},
	{Syscall: "mprotect", Conds: []Cond{{Arg: 2, Op: Masked, Mask: ProtExec, Value: ProtExec}}},
	{Syscall: "pkey_mprotect", Conds: []Cond{{Arg: 2, Op: Masked, Mask: ProtExec, Value: ProtExec}}},
	{Syscall: "shmat", Conds: []Cond{{Arg: 2, Op: Masked, Mask: ShmExec, Value: ShmExec}}},
	{Syscall: "personality", Conds: []Cond{{Arg: 0, Op: Masked, Mask: ReadImpliesExec, Value: ReadImpliesExec}}},

	{Syscall: "settimeofday"},
	{Syscall: "clock_settime"},
	{Syscall: "adjtimex"},
	{Syscall: "clock_adjtime"},
}
