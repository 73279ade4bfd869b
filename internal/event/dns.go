package event

import (
	"fmt"
	"strings"

	"github.com/limpet-security/limpet/internal/event/eventpb"
)

// maxName is more than a host name has, written out.
const maxName = 1100

func boundDNS(n *eventpb.DnsObject, text func(*string, int)) {
	text(&n.Name, maxName)
	text(&n.Target, maxName)
	text(&n.Tunnel, 256)
	for _, s := range []*string{&n.Type, &n.Server, &n.Protocol, &n.Address} {
		text(s, 64)
	}
}

// nameSentence is about the control of name resolution.
func nameSentence(e *eventpb.Event, rule, who string) string {
	n := e.GetDns()
	if n == nil {
		to := peer(e.GetNetwork())
		if how := map[string]string{"encrypted": "an encrypted connection", "raw": "a raw socket"}[rule]; how != "" {
			return fmt.Sprintf("%s tried to ask %s for names over %s, where they cannot be judged.", who, to, how)
		}
		return fmt.Sprintf("%s tried to ask %s, which is not one of the name servers that may be asked.", who, to)
	}
	name := fmt.Sprintf("%q", Text(n.Name, 260))
	switch {
	case n.Address != "":
		return fmt.Sprintf("%s asked for %s and the answer %s is a private address (rebinding).", who, name, n.Address)
	case n.Target != "":
		return fmt.Sprintf("%s asked for %s, which leads to %q, a name that rule %s denies.", who, name, Text(n.Target, 260), orElse(rule, "of the policy"))
	case rule == "tunnel":
		return fmt.Sprintf("%s asked for %s; questions below that domain look like data carried in names: %s.", who, name, orElse(Text(n.Tunnel, 200), "many different names"))
	case rule == "not-listed":
		return fmt.Sprintf("%s asked for %s, which is not on the list of names that may be resolved.", who, name)
	case rule == "recordRequests":
		return fmt.Sprintf("%s asked for %s (%s).", who, name, orElse(n.Type, "type not known"))
	}
	return fmt.Sprintf("%s asked for %s, which rule %s denies.", who, name, orElse(rule, "of the policy"))
}

// minerSentence is about the control of crypto miners.
func minerSentence(e *eventpb.Event, rule, who, object string) string {
	switch {
	case e.GetDns() != nil && e.GetDns().Target != "":
		return fmt.Sprintf("%s asked for %q, which leads to %q, a mining pool.", who, Text(e.GetDns().Name, 260), Text(e.GetDns().Target, 260))
	case e.GetDns() != nil:
		return fmt.Sprintf("%s asked for %q, a mining pool.", who, Text(e.GetDns().Name, 260))
	case rule == "stratum":
		return fmt.Sprintf("%s spoke a miner's protocol (%s) to %s.", who, Text(orElse(e.GetAttributes()["method"], "stratum"), 64), peer(e.GetNetwork()))
	case rule == "server-name":
		return fmt.Sprintf("%s asked %s for %q over TLS, a mining pool.", who, peer(e.GetNetwork()), Text(e.GetAttributes()["server_name"], 260))
	case rule == "pool", strings.HasPrefix(rule, "lists["):
		return fmt.Sprintf("%s tried to connect to %s, the address of a mining pool.", who, peer(e.GetNetwork()))
	case rule == "heuristics":
		return fmt.Sprintf("%s works as a miner does: %s.", who, orElse(Text(e.GetAttributes()["evidence"], 400), "without a rest"))
	case rule == "algorithm":
		return fmt.Sprintf("%s was started with a miner's algorithm or options.", object)
	case rule == "argument":
		return fmt.Sprintf("%s was told to connect to a mining pool.", object)
	case e.GetFile() != nil:
		return fmt.Sprintf("%s has the name of a miner.", object)
	}
	return fmt.Sprintf("%s tried to connect to %s, a port of mining pools (%s).", who, peer(e.GetNetwork()), orElse(rule, "rule not known"))
}
