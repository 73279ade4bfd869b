package enforcer

import (
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/verdict"
)

// unheard says what of a control about names cannot be kept because the
// workload started under a policy that did not look at names: its sockets are
// not pointed at our name server then, and what is written to a connected
// socket is not seen. "": nothing.
func unheard(c policy.ControlID, n verdict.NameNeeds, s Support) string {
	switch {
	case s.Arms.Receives:
	case c == policy.DNS && (n.Questions || n.Answers || n.RecordNames):
		return "names were not looked at when the workload started, so questions over UDP on connected sockets are not seen"
	case c == policy.Miners:
		return "names were not looked at when the workload started, so pools that are asked for on connected UDP sockets are not seen"
	case c == policy.Reputation && n.BadNames:
		return "names were not looked at when the workload started, so bad names that are asked for on connected UDP sockets are not seen"
	case c == policy.Outbound && n.Wildcards:
		return "names were not looked at when the workload started, so patterns in dnsNames match nothing; whole host names do"
	}
	return ""
}
