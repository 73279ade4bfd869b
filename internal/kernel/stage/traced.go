package stage

import (
	"syscall"

	"github.com/limpet-security/limpet/internal/kernel/landlock"
	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// becomeTraced is the rest of become without a listener: under a tracer, which
// has seized this thread already and for which governed calls stop from the
// filter on, or with a filter that asks nobody, or none.
func becomeTraced(o *Order) (step byte, err error) {
	if err := linux.SetNoNewPrivs(); err != nil {
		return stepNNP, err
	}
	if o.Scope {
		_ = landlock.ScopeSignals() // where the kernel has it; the filter covers the rest
	}
	if len(o.Filter) > 0 {
		if _, err := linux.InstallFilter(o.Filter, 0); err != nil {
			return StepFilter, err
		}
	}
	// A governed call that changes nothing: it shows the tracer in which order
	// this kernel's stops come.
	syscall.RawSyscall(syscall.SYS_SETFSUID, ^uintptr(0), 0, 0)
	return stepExec, syscall.Exec(o.Path, o.Args, o.Env)
}
