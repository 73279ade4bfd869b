package verdict

import (
	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/policy"
)

// syscalls is a compiled policy.SyscallControl.
type syscalls struct {
	deny  map[string]int
	ids   []policy.RuleID // of deny
	allow map[string]bool // nil: everything
}

func (c *compiler) listedCalls(k *policy.Controls) {
	if k.Syscalls == nil {
		return
	}
	src := c.source(policy.Syscalls, k.Syscalls.Setting)
	if src == nil {
		return
	}
	s := &syscalls{deny: map[string]int{}, ids: ruleIDs("deny", len(k.Syscalls.Deny)), allow: callSet(k.Syscalls.Allow)}
	for i, n := range k.Syscalls.Deny {
		if _, dup := s.deny[string(n)]; !dup {
			s.deny[string(n)] = i
		}
	}
	c.e.needs.Calls = true
	c.e.calls = append(c.e.calls, check[action.Call]{src, s.match})
}

func (s *syscalls) match(a *action.Call) policy.RuleID {
	if i, ok := s.deny[a.Name]; ok {
		return s.ids[i]
	}
	if s.allow != nil && !s.allow[a.Name] {
		return RuleNotListed
	}
	return ""
}

// Call judges a system call by its name.
func (e *Engine) Call(a *action.Call) Decision {
	return first(e.calls, a, subject{proc: a.Proc, syscall: a.Name})
}

// Lists says that some policy lists a call as a violation, whoever makes it.
func (e *Engine) Lists(name string) bool {
	a := action.Call{Name: name}
	for i := range e.calls {
		if e.calls[i].match(&a) != "" {
			return true
		}
	}
	return false
}

// capabilities compiles what is taken from the workload at its start.
func (c *compiler) capabilities(k *policy.Controls) {
	if k.Capabilities == nil {
		return
	}
	if src := c.source(policy.Capabilities, k.Capabilities.Setting); src != nil {
		e := dropped{mode: src.mode, policy: src.policy, drop: map[string]bool{}}
		for _, d := range k.Capabilities.Drop {
			e.drop[string(d)] = true
		}
		if e.drop["ALL"] {
			for _, n := range policy.CapabilityNames() {
				e.drop[n] = true
			}
			for _, n := range k.Capabilities.Keep {
				delete(e.drop, string(n))
			}
		}
		delete(e.drop, "ALL")
		c.e.dropped = append(c.e.dropped, e)
	}
}

// dropped is one policy's word on capabilities.
type dropped struct {
	mode   policy.Mode
	policy string
	drop   map[string]bool
}

// Dropped says that policies in a mode take a capability away, and which
// policy does.
func (e *Engine) Dropped(name string, mode policy.Mode) (by string, ok bool) {
	for _, d := range e.dropped {
		if d.mode == mode && d.drop[name] {
			return d.policy, true
		}
	}
	return "", false
}
