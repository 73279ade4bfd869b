package enforcer

import (
	"sync"
	"sync/atomic"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/verdict"
)

// maxAudited bounds the execs between their two questions.
const maxAudited = 4096

// audited remembers the execs that were reported and let through when they
// were asked for, so that the second question about the same file does not
// report them again.
type audited struct {
	n    atomic.Int64 // entries: most execs find none
	mu   sync.Mutex
	seen map[int]auditedExec
}

type auditedExec struct {
	start    uint64
	file     action.File
	decision verdict.Decision
}

func (a *audited) put(e *action.Exec, d verdict.Decision) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.seen == nil || len(a.seen) >= maxAudited {
		a.seen = make(map[int]auditedExec)
	}
	a.seen[e.Proc.PID] = auditedExec{e.Proc.StartTime, e.File, d}
	a.n.Store(int64(len(a.seen)))
}

// take says whether this very decision was reported for this exec before.
func (a *audited) take(e *action.Exec, d verdict.Decision) bool {
	if a.n.Load() == 0 {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	s, ok := a.seen[e.Proc.PID]
	delete(a.seen, e.Proc.PID)
	a.n.Store(int64(len(a.seen)))
	return ok && s.start == e.Proc.StartTime && s.file == e.File && s.decision == d
}
