package enforcer

// JudgesPeers says whether the policy in force cares where connections lead.
// Where it does not, package notify spares calls that it cannot judge on a copy
// the way around (its carry).
func (l *Loop) JudgesPeers() bool { return l.current.Load().Engine.Needs().Connect }
