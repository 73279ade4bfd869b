package intercept

import "github.com/limpet-security/limpet/internal/action"

// NetworkJudge is what a Judge may implement besides, for what others reach.
// Like a Judge's its methods must not block.
type NetworkJudge interface {
	// JudgesPeers says whether it matters where connections lead.
	JudgesPeers() bool
	// JudgesUnix says whether it matters which unix sockets are reached.
	JudgesUnix() bool
	// JudgesBinds says whether Bind may deny or record anything.
	JudgesBinds() bool
	// JudgesAccepts says the same of Accept.
	JudgesAccepts() bool
	Bind(*action.Bind) Answer
	// Accept is asked before the application knows of a connection. One that
	// is denied is closed; the errno is of no effect.
	Accept(*action.Accept) Answer
}
