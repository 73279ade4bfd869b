package intercept

import "github.com/limpet-security/limpet/internal/action"

// ShellJudge is what a Judge may implement besides, for shells that hang on the
// network through other processes. Like a Judge's its methods must not block.
type ShellJudge interface {
	// JudgesRelays says whether Relayed may deny or record anything.
	JudgesRelays() bool
	// Relayed is asked about a shell with Exec.Relay set, at its exec stop or
	// while it lives. An Answer other than Allow ends it.
	Relayed(*action.Exec) Answer
}
