package verdict

import (
	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/policy"
)

// Rules of execSessions.
const (
	RuleSession policy.RuleID = "session" // nobody allows the program or the user
)

// sessions compiles the control of what comes from outside.
func (c *compiler) sessions(k *policy.Controls) {
	if k.ExecSessions != nil {
		if src := c.source(policy.ExecSessions, k.ExecSessions.Setting); src != nil {
			programs, users := c.paths(k.ExecSessions.AllowedProcesses), c.users(k.ExecSessions.AllowedUsers)
			c.e.session = append(c.e.session, check[action.Session]{src, func(a *action.Session) policy.RuleID {
				switch {
				case !a.First, a.Probe, a.Proc != nil && users.has(a.Proc.UID):
					return ""
				case a.Unverified:
					return RuleUnverified
				case programs.has(a.Path):
					return ""
				}
				return RuleSession
			}})
		}
	}
}

// crowd compiles the part of the process limit that is judged by looking at
// the whole tree.
func (c *compiler) crowd(src *source, k *policy.ProcessLimitControl) {
	limit, depth, n := k.MaxTasks, k.MaxDepth, &c.e.needs
	c.e.crowd = append(c.e.crowd, check[action.Crowd]{src, func(a *action.Crowd) policy.RuleID {
		switch {
		case a.Tasks > limit:
			return RuleMaxTasks
		case depth > 0 && a.Depth > depth:
			return RuleMaxDepth
		}
		return ""
	}})
	if n.MaxTasks == 0 || limit < n.MaxTasks {
		n.MaxTasks = limit
	}
	if depth > 0 && (n.MaxDepth == 0 || depth < n.MaxDepth) {
		n.MaxDepth = depth
	}
	n.ExactForks = n.ExactForks || !k.Watch
}

// Session judges a process that came from outside.
func (e *Engine) Session(a *action.Session) Decision {
	return first(e.session, a, subject{proc: a.Proc, path: a.Path, digest: a.Digest})
}

// Crowd judges how many tasks there are and how deep they descend.
func (e *Engine) Crowd(a *action.Crowd) Decision {
	return first(e.crowd, a, subject{proc: a.Proc})
}
